"""What the runbooks say of the exporter's client certificate: the commands that show its end. Pure."""

from __future__ import annotations

import shlex

from alerts.promql import markdown_code, quote
from policy import metrics
from policy.fleet import Fleet
from policy.model import Policy


def values(policy: Policy) -> dict[str, str]:
    """For the pages' templates."""
    files = _files(policy.fleet)
    one = files[0] if len(files) == 1 else "FILE"
    lines = [line for file in files for line in (_first(file), _all(file))]
    none = "# The policy names no cert_file: the exporter shows no certificate. Is it the policy that the exporter runs with?"
    return {"own_certificate": markdown_code(_first(one)), "own_certificates": "\n".join(lines) or none}


def query(policy: Policy) -> str:
    """For how many seconds the certificate is good that each node is shown, the first to end before the others."""
    return f"sort({metrics.OWN_CERTIFICATE_ENDS.name}{{fleet={quote(policy.fleet.name)}}} - time())"


def _files(fleet: Fleet) -> list[str]:
    """Each file once; those of the overrides stand behind the fleet's."""
    every = (fleet.tls, *(override.tls for override in fleet.overrides))
    return list(dict.fromkeys(str(tls.cert_file) for tls in every if tls is not None and tls.cert_file is not None))


def _first(file: str) -> str:
    return f"openssl x509 -enddate -noout -in {shlex.quote(file)}"


def _all(file: str) -> str:
    return f"openssl storeutl -noout -text -certs {shlex.quote(file)} | grep -E 'Subject:|Not After'"
