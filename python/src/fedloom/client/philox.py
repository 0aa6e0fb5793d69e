"""Random streams and the batch order, PROTOCOL.md section 9."""

import numpy as np

MASK = 0xFFFFFFFF


def philox(counter, key):
    """Philox-4x32-10 (Salmon et al., 2011)."""
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (p1 >> 32) ^ c1 ^ k0, p1 & MASK, (p0 >> 32) ^ c3 ^ k1, p0 & MASK
        k0, k1 = (k0 + 0x9E3779B9) & MASK, (k1 + 0xBB67AE85) & MASK
    return c0, c1, c2, c3


def halves(value):
    """Low and high word; of a negative value those of its two's complement."""
    return value & MASK, (value >> 32) & MASK


class Stream:
    """The stream of (seed, purpose, indices)."""

    def __init__(self, seed, purpose, *indices):
        name = purpose.encode()
        words = [*halves(seed), len(name), len(indices)]
        name += bytes(-len(name) % 16)
        words += [int.from_bytes(name[at : at + 4], "little") for at in range(0, len(name), 4)]
        for index in indices:
            words += halves(index)
        words += [0] * (-len(words) % 4)
        identity = (0, 0, 0, 0)
        for at in range(0, len(words), 4):
            identity = philox([a ^ b for a, b in zip(identity, words[at : at + 4])], (0, 0))
        self.identity, self.block, self.words = identity, 0, []

    def word(self):
        if not self.words:
            self.words = list(philox((*halves(self.block), *self.identity[2:]), self.identity[:2]))
            self.block += 1
        return self.words.pop(0)

    def uniform(self):
        high, low = self.word() >> 5, self.word() >> 6
        return (high * 2**26 + low) / 2**53


def batch_order(samples, training, seed, task, client):
    """int64 [steps, batch]: the rows of each step, -1 for padding."""
    batch = samples if training["batchSize"] == "all" else min(training["batchSize"], samples)
    stream = Stream(seed, "order", task, client)
    rows, epochs = list(range(samples)), []
    for _ in range(training["localEpochs"]):
        if training["shuffle"]:
            for last in range(samples - 1, 0, -1):
                other = int(stream.uniform() * (last + 1))
                rows[last], rows[other] = rows[other], rows[last]
        epochs.append(rows + [-1] * (-samples % batch))
    return np.array(epochs, np.int64).reshape(-1, batch)


def drawn(specs, steps, batch, stream):
    """What the layers of so many steps draw, by name: float32 [steps, batch, ...shape], multiples of 2^-24 below 1."""
    shapes = [(batch, *spec["shape"]) for spec in specs]
    values = [[] for _ in specs]
    for _ in range(steps):
        for shape, own in zip(shapes, values):
            numbers = [int(stream.uniform() * 2**24) / 2**24 for _ in range(int(np.prod(shape, dtype=np.int64)))]
            own.append(np.array(numbers, np.float32).reshape(shape))
    return {spec["name"]: np.stack(own) for spec, own in zip(specs, values)}
