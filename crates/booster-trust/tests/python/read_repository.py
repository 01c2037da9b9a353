"""Reads a repository in a folder with the reference implementation of The Update Framework.

Usage: read_repository.py REPOSITORY ROOT TARGET...

Prints the versions that it trusts in the end, and the content of each target, as JSON.
"""

import json
import pathlib
import sys
import tempfile
from urllib.parse import unquote, urlparse

from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient import FetcherInterface, Updater


class FolderFetcher(FetcherInterface):
    """Answers from files, as a web server would."""

    def _fetch(self, url):
        path = pathlib.Path(unquote(urlparse(url).path))
        if not path.is_file():
            raise DownloadHTTPError(f"no {path}", 404)
        yield path.read_bytes()


def main(repository, root, *targets):
    base = pathlib.Path(repository).resolve().as_uri()
    with tempfile.TemporaryDirectory() as state, tempfile.TemporaryDirectory() as downloads:
        updater = Updater(
            metadata_dir=state,
            metadata_base_url=f"{base}/metadata/",
            target_dir=downloads,
            target_base_url=f"{base}/targets/",
            fetcher=FolderFetcher(),
            bootstrap=pathlib.Path(root).read_bytes(),
        )
        updater.refresh()
        contents = {}
        for target in targets:
            info = updater.get_targetinfo(target)
            if info is None:
                sys.exit(f"{target} is not listed")
            contents[target] = pathlib.Path(updater.download_target(info)).read_text()
        versions = {
            role: json.loads(pathlib.Path(state, f"{role}.json").read_bytes())["signed"]["version"]
            for role in ("root", "timestamp", "snapshot", "targets")
        }
    print(json.dumps({"versions": versions, "contents": contents}))


main(*sys.argv[1:])
