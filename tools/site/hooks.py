"""MkDocs' hooks: add files outside of docs/ to the site, and let links lead to them.

`extra.files_of_checkout` in mkdocs.yml names the files and their places. A link in a page stays as it is read
in the checkout; what MkDocs sees leads to the same file's place in the site. An entry `FOLDER/*.md` of the
navigation stands for all pages of the folder that no other entry names.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

_DOCS = "docs/"
#: A link, or what must stay as it is: fenced blocks and code spans.
_LINK_OR_CODE = re.compile(
    r"(?P<code>^ *```.*?^ *```|`+[^`]*`+)|\]\((?!https?:|mailto:|#)(?P<target>[^)#\s]+)",
    re.MULTILINE | re.DOTALL,
)

#: Words after a block's language, which only tests read: superfences would not see a block.
_FENCE_WORDS = re.compile(r"^( *```\w+) .*$", re.MULTILINE)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Expand the patterns in the navigation."""
    docs = Path(config.docs_dir)
    named = set(re.findall(r"[\w/-]+\.md\b", str(config.nav)))
    moved = config.extra["files_of_checkout"].values()

    def expand(entry: Any) -> list[Any]:
        if isinstance(entry, dict):
            return [
                {title: content if isinstance(content, str) else expand_all(content)}
                for title, content in entry.items()
            ]
        if "*" not in entry:
            return [entry]
        pages = {str(path.relative_to(docs)) for path in docs.glob(entry)}
        return sorted(pages.union(page for page in moved if PurePosixPath(page).match(entry)) - named)

    def expand_all(entries: list[Any]) -> list[Any]:
        return [expanded for entry in entries for expanded in expand(entry)]

    config.nav = expand_all(config.nav or [])
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the files that are outside of docs/."""
    root = Path(config.config_file_path).parent
    for source, uri in config.extra["files_of_checkout"].items():
        files.append(File.generated(config, uri, abs_src_path=str(root / source)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return the page with links that lead to files of the site."""
    places: dict[str, str] = config.extra["files_of_checkout"]
    sources = {uri: source for source, uri in places.items()}
    uri = page.file.src_uri
    source = sources.get(uri, _DOCS + uri)

    def rewrite_link(match: re.Match[str]) -> str:
        if match["code"]:
            return match[0]
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), match["target"]))
        place = places.get(target, target.removeprefix(_DOCS))
        if files.get_file_from_path(place) is None and files.get_file_from_path(f"{place}/README.md"):
            place += "/README.md"
        return "](" + posixpath.relpath(place, posixpath.dirname(uri) or ".")

    return _FENCE_WORDS.sub(r"\1", _LINK_OR_CODE.sub(rewrite_link, markdown))
