"""The bundle in service, swapped when the ledger names a new champion."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from marketfit import bundle
from marketfit.bundle import Bundle
from marketfit.errors import BundleError, MarketfitError, Problem
from marketfit.ledger import Ledger
from marketfit.ledger import champion as champions
from marketfit.serve.metrics import Metrics
from marketfit.serve.settings import ServeSettings

_LOG = logging.getLogger("marketfit.serve")


@dataclass(frozen=True)
class Loaded:
    """A verified bundle in memory with its digest."""

    bundle: Bundle
    digest: str


class ChampionWatch:
    """Holds the bundle that answers. Whoever took it keeps it: requests in flight finish on the old one."""

    def __init__(
        self, settings: ServeSettings, *, ledger: Ledger, product: str, metrics: Metrics, fixed: Loaded | None = None
    ) -> None:
        """`fixed` is a bundle that was named: then the ledger is not asked."""
        self._settings = settings
        self._ledger = ledger
        self._product = product
        self._metrics = metrics
        self._fixed = fixed is not None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="marketfit-champion", daemon=True)
        self.loaded: Loaded | None = None
        self.why = "there is no champion yet"  # what a client may know
        self._refused = ""
        self._decision = -1  # the newest decision that was obeyed
        if fixed is not None:
            self._put(fixed)

    def start(self) -> None:
        """Look once, then go on looking in the background."""
        if not self._fixed:
            self.refresh()
            self._thread.start()

    def stop(self) -> None:
        """End the background thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def refresh(self) -> None:
        """Obey the newest decision. A bundle that can't be verified is refused, and the one in service stays."""
        try:
            newest = self._ledger.newest(self._product, kinds=("decision",))
            if newest == self._decision:
                return
            named = champions.current(self._ledger, self._product, self._settings.workspace)
            if named is not None and (self.loaded is None or named.digest != self.loaded.digest):
                self._put(self._load(named))
            self._decision = newest
        except (MarketfitError, SQLAlchemyError, OSError) as error:
            self._refuse(str(error))
        except Exception as error:  # whatever a broken graph makes the runtime raise must not end the watch
            _LOG.exception("the champion could not be loaded")
            self._refuse(repr(error))

    def _watch(self) -> None:
        while not self._stop.wait(self._settings.poll_seconds):
            self.refresh()

    def _load(self, named: champions.Champion) -> Loaded:
        opened = bundle.load(named.folder, threads=self._settings.threads, key=self._settings.key)
        if opened.digest != named.digest:
            problem = Problem(
                str(named.folder), f"the bundle is {opened.digest}", f"promoted: {named.digest}", "restore it"
            )
            raise BundleError([problem])
        if opened.spec.product != self._product:
            problem = Problem(str(named.folder), f"a bundle of {opened.spec.product}", self._product, "promote another")
            raise BundleError([problem])
        return Loaded(opened, named.digest)

    def _put(self, loaded: Loaded) -> None:
        self.loaded = loaded
        self._refused = ""
        self._metrics.ready.set(1)
        self._metrics.swaps.inc()
        self._metrics.champion.info({"product": self._product, "digest": loaded.digest})
        _LOG.info("serving %s, bundle %s", self._product, loaded.digest)

    def _refuse(self, why: str) -> None:
        self._metrics.refusals.inc()
        if why != self._refused:
            kept = "the old one stays" if self.loaded else "there is nothing to serve"
            _LOG.error("the champion is refused, %s: %s", kept, why)
        self._refused = why
        self.why = "the champion was refused; the server's log says why"
