"""A pattern that begins anywhere lets in whoever registers a name that ends alike."""

from pages import SHOP, make_app

app = make_app(allow_origins=[], allow_origin_regex=rf".*{SHOP.removeprefix('https://')}")
