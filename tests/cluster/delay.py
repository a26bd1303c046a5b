"""A line that takes its time: a TCP relay that passes every byte on so many milliseconds after it came.

usage: delay.py ADDRESS:PORT ADDRESS:PORT MILLISECONDS
Listens on the first address for as long as it lives, and connects to the second for each connection.
"""
import asyncio
import socket
import sys

PIECE = 65536
ON_THE_WAY = 256  # pieces, so that a sender feels a receiver that takes nothing


async def carry(reader, writer, seconds):
    loop, pieces = asyncio.get_running_loop(), asyncio.Queue(ON_THE_WAY)

    async def deliver():
        while True:
            due, data = await pieces.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            if not data:
                writer.close()
                return
            writer.write(data)
            await writer.drain()

    delivery = asyncio.create_task(deliver())
    data = b"?"
    while data and not delivery.done():
        try:
            data = await reader.read(PIECE)
        except ConnectionError:
            data = b""
        await pieces.put((loop.time() + seconds, data))
    await asyncio.gather(delivery, return_exceptions=True)  # a reset by either end ends the line, as on any line


def promptly(writer):
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


async def serve(listen, target, seconds):
    async def accept(reader, writer):
        try:
            far_reader, far_writer = await asyncio.open_connection(*target)
        except OSError:
            writer.close()
            return
        promptly(writer)
        promptly(far_writer)
        await asyncio.gather(carry(reader, far_writer, seconds), carry(far_reader, writer, seconds))

    async with await asyncio.start_server(accept, *listen) as server:
        await server.serve_forever()


def address(text):
    host, port = text.rsplit(":", 1)
    return host, int(port)


if __name__ == "__main__":
    asyncio.run(serve(address(sys.argv[1]), address(sys.argv[2]), float(sys.argv[3]) / 1000))
