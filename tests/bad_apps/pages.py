"""An app that pages of its shop ask from the browser; who may is said in one place."""

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

SHOP = "https://shop.example"


def make_app(**cors: object) -> FastAPI:
    app = FastAPI()
    named = {"allow_origins": [SHOP], "allow_methods": ["GET"], "allow_headers": ["Content-Type"]}
    app.add_middleware(CORSMiddleware, **{**named, **cors})  # type: ignore[arg-type]

    @app.get("/health")
    @app.get("/ready")
    @app.get("/menu")
    async def menu() -> dict[str, list[str]]:
        return {"menu": ["soup", "bread"]}

    return app


app = make_app()
