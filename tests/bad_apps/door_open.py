"""One operation says that it needs a token, and never looks at it."""

import door

app = door.make_app(open_path=True)
