"""Masks passwords among the arguments of programs, such as `mysql -pSECRET`, in any text.

The text is read once from its beginning to its end: hosts write it, and it may be long.
"""

from __future__ import annotations

import re

from kprov.inventory.secrets import MASK

#: What separates words of a command line, of a list of words, and of words joined by NUL.
_GAP = r"""[\s\0"',]"""
#: What ends a command.
_END = r"(?P<end>[\n|;&])"
_VALUE = r"""(?![*-])(?:(?P<quote>\\?["'])[^"'\n\0]+(?P=quote)|[^\s\0"']+)"""
_PROGRAMS = {
    "mysql": r"(?:mysql|mariadb)[\w-]*",
    "mongo": r"mongo\w*",
    "sshpass": "sshpass",
    "redis": "redis-cli",
    "curl": "curl",
    # Of docker, podman, helm registry and others.
    "login": "login",
    # It follows sshpass, with other options.
    "ssh": "ssh|scp|sftp|rsync",
}
#: What stands before the password of a program.
_OPTIONS = {
    # Without a space: with one, the client asks for the password.
    "mysql": f"{_GAP}-p",
    "mongo": f"{_GAP}-p{_GAP}+",
    "sshpass": f"{_GAP}-p{_GAP}*",
    "redis": f"{_GAP}-a{_GAP}+",
    "curl": rf"""{_GAP}(?:-\w*u|--user=?){_GAP}*[^\s\0:"',/]+:""",
    "login": f"{_GAP}-p{_GAP}+",
}
_PROGRAM = "|".join(rf"(?P<{name}>\b(?:{words})(?={_GAP}))" for name, words in _PROGRAMS.items())
#: Finds what comes next in a text, by the program of the command there; "" for none.
_SCANNERS = {"": re.compile(_PROGRAM), "ssh": re.compile(f"{_END}|{_PROGRAM}")} | {
    name: re.compile(f"{_END}|{_PROGRAM}|(?P<option>{option}){_VALUE}") for name, option in _OPTIONS.items()
}


def mask_arguments(text: str) -> str:
    """Return the text without passwords that are arguments of programs."""
    parts, program, position, copied = [], "", 0, 0
    while match := _SCANNERS[program].search(text, position):
        position = match.end()
        if match.lastgroup in _PROGRAMS:
            program = match.lastgroup
        elif match.lastgroup == "end":
            program = ""
        else:
            parts += [text[copied : match.end("option")], MASK]
            copied = position
    return "".join([*parts, text[copied:]])
