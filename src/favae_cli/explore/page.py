"""The page: its tabs, and the server that shows it."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import secrets
import socket
from collections.abc import Callable
from typing import NamedTuple

from nicegui import app, run, ui
from nicegui.server import Server
from starlette.middleware.trustedhost import TrustedHostMiddleware

from favae_cli.common.errors import UserError
from favae_cli.explore.edit_tab import EditTab
from favae_cli.explore.factors_tab import FactorsTab
from favae_cli.explore.map_tab import MapTab
from favae_cli.explore.parts import Mistake
from favae_cli.explore.sample_tab import SampleTab
from favae_cli.explore.seen import Seen
from favae_cli.explore.views_tab import ViewsTab
from favae_cli.explore.ways_tab import GenerateTab, InterpolateTab, TranslateTab
from favae_cli.explore.window import Window

logger = logging.getLogger(__name__)


class Tab(NamedTuple):
    """What fills a tab, and what takes its time before, away from the page's own thread."""

    build: Callable[[Window], object]
    before: Callable[[Seen], object] | None = None


def _ways(window: Window) -> None:
    if window.seen.trained.images:
        with ui.column().classes("translate"):
            ui.label("Translate").classes("text-lg")
            TranslateTab(window)
        ui.separator()
    with ui.column().classes("interpolate"):
        ui.label("Interpolate").classes("text-lg")
        InterpolateTab(window)
    ui.separator()
    with ui.column().classes("generate"):
        ui.label("Generate").classes("text-lg")
        if _has_attributes(window):
            GenerateTab(window)


def _edit(window: Window) -> None:
    if _has_attributes(window):
        EditTab(window)


def _has_attributes(window: Window) -> bool:
    """Whether the run has images and attributes; says so where it has not."""
    trained = window.seen.trained
    attributes = any(view.type == "bernoulli" for view in trained.config.views.values())
    if not (trained.images and attributes):
        ui.label("This takes a run with a view of images and one of attributes (yes or no).").classes("text-grey-7")
    return bool(trained.images) and attributes


TABS = {
    "Sample": Tab(SampleTab),
    "Factors": Tab(FactorsTab, lambda seen: seen.cards),
    "Edit": Tab(_edit),
    "Translate, interpolate, generate": Tab(_ways),
    "Map": Tab(MapTab, lambda seen: seen.cards),
    "Factors and views": Tab(ViewsTab, lambda seen: (seen.explained, seen.latents)),
}


def build(seen: Seen) -> None:
    """The page in one window."""
    ui.colors(primary="#0072b2")
    with ui.header().classes("items-center py-1"):
        ui.label("favae-run: " + "/".join(seen.trained.folder.absolute().parts[-2:]))
        tabs = ui.tabs().props("no-caps dense")
    window = Window(seen, Mistake())
    window.go_to_sample = lambda: tabs.set_value("Sample")
    opened: set[str] = set()
    with tabs:
        for name in TABS:
            ui.tab(name)
    with ui.tab_panels(tabs, value="Sample").classes("w-full"):
        panels = {name: ui.tab_panel(name) for name in TABS}

    async def open_tab() -> None:
        """Fill a tab when it is first looked at: some have to look at many samples."""
        name = str(tabs.value)
        if name in opened:
            return
        opened.add(name)
        with window.mistake.told(), panels[name]:
            try:
                if (before := TABS[name].before) is not None:
                    waiting = ui.spinner(size="lg")
                    await run.io_bound(before, seen)
                    waiting.delete()
                TABS[name].build(window)
            except Exception:  # it is tried again when it is looked at again
                opened.discard(name)
                panels[name].clear()
                raise

    tabs.on_value_change(open_tab)
    ui.timer(0, open_tab, once=True)


def serve(seen: Seen, host: str, port: int, path: str, show: bool) -> None:
    """Serve the page at http://host:port/path, which is told once it is there, until the process is told to stop."""

    async def tell() -> None:
        while not Server.instance.started:  # NiceGUI starts a moment before anybody listens
            await asyncio.sleep(0.02)
        logger.info("%-10s http://%s:%d%s (Ctrl-C ends it)", "page", in_address(host), port, path)

    app.on_startup(tell)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=allowed_hosts(host))
    ui.page(path, title=f"favae-run {seen.trained.folder.name}")(lambda: build(seen))
    ui.run(
        host=host,
        port=port,
        show=path if show else False,
        reload=False,
        show_welcome_message=False,
        reconnect_timeout=30.0,
    )


def allowed_hosts(host: str) -> list[str]:
    """The names by which the page is asked for: any, unless it is for this machine alone.

    A page elsewhere may give its own name the address of this machine; it does not get in by that name.
    """
    own = ["127.0.0.1", "localhost"]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return own if host in own else ["*"]
    return [*own, in_address(str(address))] if address.is_loopback else ["*"]


def in_address(host: str) -> str:
    """A host as it stands in an address of a page: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def secret_path() -> str:
    """A path that other users of the machine cannot guess."""
    return f"/{secrets.token_urlsafe(12)}"


def usable_port(host: str, port: int | None) -> int:
    """The port, or a free one if it is None.

    Raises:
        UserError: nobody can listen there.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as place:
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            place.bind((host, port or 0))
        except socket.gaierror as error:
            raise UserError(f"host: {host}: {error.strerror}") from error
        except OSError as error:
            key = "host" if port is None else "port"
            raise UserError(f"{key}: cannot listen on {host}:{port or 'a free port'}: {error.strerror}") from error
        return int(place.getsockname()[1])
