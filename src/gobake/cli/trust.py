"""`gobake trust`: a person trusts a project, once."""

from __future__ import annotations

import json
import os

import click
from msgspec import Struct
from msgspec.structs import replace

from gobake.cli.options import ProjectGiven, format_option, given_as, project_options, request, without_meaning
from gobake.text.say import say, show


class TrustGiven(Struct, frozen=True, kw_only=True):
    """What `gobake trust` is given."""

    project: ProjectGiven
    revoke: bool
    show: bool
    form: str


@click.command("trust")
@without_meaning("builder", "verbose")
@project_options
@click.option("--revoke", is_flag=True, help="Stop trusting the project.")
@click.option("--show", is_flag=True, help="Only show what the project asks for, and whether it is trusted.")
@format_option
@given_as(TrustGiven)
def trust_command(given: TrustGiven) -> None:
    """Trust the project: its gobake.yaml may choose caches, registries and base images, and its build gets the logins
    and keys of this machine that its modules need.

    This holds for this folder, on this machine, until gobake.yaml asks for something else. In CI, the event and the
    commit decide.
    """
    from gobake.credentials import offered
    from gobake.credentials.hosts import of_project
    from gobake.gotool import host
    from gobake.plan.discover import open_project
    from gobake.trust import asking, remembered
    from gobake.trust.keys import wants

    opened = open_project(replace(request(given.project), lenient=True))
    root = opened.project.root
    if given.revoke:
        known = remembered.forget(root)
        say(f"{root} is {'no longer' if known else 'not'} trusted")
        return
    gifts = offered(root, os.environ, of_project(opened.tree.layout, host.module_settings()))
    if given.show:
        trusted = remembered.is_trusted(root, opened.written)
        if given.form == "json":
            wanted = [{"key": w.key, "class": w.kind.name.lower(), "value": w.text} for w in wants(opened.written)]
            told = {"root": str(root), "trusted": trusted, "wants": wanted, "given": list(gifts)}
            show(json.dumps(told, indent=2))
            return
        text = asking.describe(root, wants(opened.written), gifts)
        if text:
            show(text)
        else:
            say(f"{root} wants nothing that it must be trusted for")
        say(f"it is {'trusted' if trusted else 'not trusted'} on this machine")
        return
    text = asking.describe(root, wants(opened.written), gifts)
    if text and not given.project.quiet:
        show(text)
    remembered.trust(root, opened.written)
    if not given.project.quiet:
        say(f"{root} is trusted until what it wants is another; gobake trust --revoke takes it back")
