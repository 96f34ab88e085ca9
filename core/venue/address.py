"""Where the venue is: mainnet, testnet, or a venue on this machine such as the emulator.  Pure."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from core.errors import UsageError

MAINNET_URL = "https://api.hyperliquid.xyz"
TESTNET_URL = "https://api.hyperliquid-testnet.xyz"


@dataclass(frozen=True)
class VenueAddress:
    """Name of the network (`mainnet`, `testnet` or `loopback`) and its base address."""

    network: str
    base_url: str

    @property
    def is_loopback(self) -> bool:
        """Does it run on this machine?"""
        return self.network == "loopback"

    @property
    def source(self) -> str:
        """The name that stored rows of this network carry."""
        return f"hyperliquid {self.network}"


def parse_address(text: str) -> VenueAddress:
    """The address that `--venue` names.

    A base address other than the two networks must be on this machine: a strategy's data, and later
    its orders, go to the venue or to an emulator and to nobody else.  Raises UsageError.
    """
    named = {"mainnet": MAINNET_URL, "testnet": TESTNET_URL}
    if text in named:
        return VenueAddress(text, named[text])
    if text.rstrip("/") in named.values():
        network = next(name for name, url in named.items() if url == text.rstrip("/"))
        return VenueAddress(network, named[network])
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or "", parts.port
    except ValueError as error:
        raise _unknown(text) from error
    if parts.scheme not in ("http", "https") or not _is_loopback(host) or parts.username:
        raise _unknown(text)
    if parts.path.strip("/") or parts.query or parts.fragment:
        raise _unknown(text)
    return VenueAddress("loopback", f"{parts.scheme}://{parts.netloc}")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _unknown(text: str) -> UsageError:
    return UsageError(
        f"--venue {text!r} is neither a network of the venue nor an address on this machine",
        hint="take mainnet, testnet, or a base address such as http://127.0.0.1:8100",
    )
