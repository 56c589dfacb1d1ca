"""TLS of a load: the certificate is checked against the system's authorities, or against those of a file."""

import ssl

from harness.load.profile import Tls


def context_of(tls: Tls) -> ssl.SSLContext:
    """ValueError where the file of authorities is no use. HTTP/1.1 is the one protocol that is offered."""
    try:
        context = ssl.create_default_context(cafile=tls.ca_file or None)
    except (OSError, ssl.SSLError) as error:
        why = error.strerror or type(error).__name__
        raise ValueError(f"ca_file {tls.ca_file} gives no certificates: {why}; accepted: a file in PEM form") from error
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context
