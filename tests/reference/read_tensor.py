"""Some numbers of a tensor of BF16, read with nothing but Python's library.

    python3 tests/reference/read_tensor.py FILE NAME COUNT [FIRST]
"""

import json
import struct
import sys

path, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
first = int(sys.argv[4]) if len(sys.argv) > 4 else 0
with open(path, "rb") as file:
    length, = struct.unpack("<Q", file.read(8))
    entry = json.loads(file.read(length))[name]
    file.seek(8 + length + entry["data_offsets"][0] + 2 * first)
    data = file.read(2 * count)
assert entry["dtype"] == "BF16", entry["dtype"]
print(*(struct.unpack("<f", b"\0\0" + data[i:i + 2])[0] for i in range(0, len(data), 2)))
