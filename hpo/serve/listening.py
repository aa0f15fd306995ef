"""Where the service listens, and what has to be so before it does. Each error is one line."""

from __future__ import annotations

import errno
import ipaddress
import socket
import ssl
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hpo.errors import HpoError, PlanError

BACKLOG = 2048  # connections that wait to be accepted


@dataclass(frozen=True)
class Address:
    """A host as it was written, an address of it, and a port. `loopback`: no other machine can reach it."""

    host: str
    family: socket.AddressFamily
    number: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return ipaddress.ip_address(self.number.partition("%")[0]).is_loopback

    @property
    def everywhere(self) -> bool:
        """Whether it stands for all addresses of this machine."""
        return ipaddress.ip_address(self.number.partition("%")[0]).is_unspecified


def address_of(host: str, port: int) -> Address:
    """The address of a host.

    Raises:
        PlanError: it has none.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise PlanError(f"--host {host}: this machine knows no address of that name") from None
    family, _, _, _, place = found[0]
    return Address(host, family, str(place[0]), port)


def names_of(address: Address, allowed: Sequence[str]) -> tuple[str, ...]:
    """The names by which the service may be called, beside its addresses.

    A page of another site can let a name of its own point here, but not one of these.
    """
    names = ["localhost", *(name.lower().rstrip(".") for name in allowed)]
    if not address.loopback:
        names.append(address.host.lower())
        names += [socket.gethostname().lower(), socket.getfqdn().lower()]
    return tuple(dict.fromkeys(names))


def check_tls(certificate: Path | None, key: Path | None) -> None:
    """Check a certificate and its key, as files.

    Raises:
        PlanError: one of them is missing or can't be read, or they don't belong together.
    """
    if certificate is None:
        if key is not None:
            raise PlanError("--tls-key is the key of a certificate: give --tls-cert, too")
        return
    for file in filter(None, (certificate, key)):
        try:
            file.open("rb").close()
        except OSError as error:
            raise PlanError(f"can't read {file}: {error.strerror}") from None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except (ssl.SSLError, ValueError, OSError) as error:
        what = getattr(error, "reason", None) or str(error)
        raise PlanError(
            f"{certificate} and {key or 'the key in it'} are no certificate and its key in PEM: "
            f"{what.lower().replace('_', ' ')}"
        ) from None


def check_folder(folder: Path) -> None:
    """Make the folder of data sets and models, if it is not there, and check that it can be written to.

    Raises:
        HpoError: it can't.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise HpoError(
            f"can't write to the folder {folder}: {error.strerror}; give another --folder"
        ) from None


def listen(address: Address) -> socket.socket:
    """A socket that listens.

    Raises:
        HpoError: the port is in use, or not for this user.
    """
    try:
        listener = socket.create_server(
            (address.number.partition("%")[0], address.port), family=address.family, backlog=BACKLOG
        )
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            reason = "another program listens there; give another --port"
        else:
            reason = str(error.strerror)
        raise HpoError(f"can't listen on port {address.port} of {address.host}: {reason}") from None
    # Connections inherit it. asyncio sets it only where the protocol is named; without it the body of an answer waits
    # until the client has acknowledged the head, which takes 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
