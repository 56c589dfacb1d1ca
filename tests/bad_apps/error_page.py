"""The defect is in the workers' class: where the app cannot be imported, a worker serves an error page in its place.

So a wrong deployment ends the workers that still served, and the supervisor takes those with the error page for well.
"""

from sound import make_app

app = make_app()
