"""A program that lists from many connections at once: flood.py URL TOKEN CONNECTIONS SECONDS.

Prints how many answers of which status came, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time

import aiohttp


async def flood(url: str, token: str, connections: int, seconds: float) -> dict[int, int]:
    codes: dict[int, int] = {}
    end = time.monotonic() + seconds
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), headers=headers) as session:

        async def one() -> None:
            while time.monotonic() < end:
                async with session.get(url, ssl=context) as answer:
                    await answer.read()
                    codes[answer.status] = codes.get(answer.status, 0) + 1

        await asyncio.gather(*(one() for _ in range(connections)))
    return codes


if __name__ == "__main__":
    answers = asyncio.run(flood(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
    sys.stdout.write(json.dumps(answers))
