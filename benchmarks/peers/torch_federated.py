"""The speed peer: federated averaging as a bare PyTorch loop, with no framework around it.

It does what a federated round must do and nothing else: sample a cohort, copy the global weights, run
E=1 epoch of mini-batch SGD on each client, average. It is written to be fast in eager PyTorch:

- all parameters are views of one flat tensor, so loading and averaging a model is one call;
- a client's samples are gathered once an epoch, and mini-batches are slices of them;
- each gradient goes straight into an in-place update and is dropped (no optimiser object, no buffers
  to zero, no modules, no DataLoader);
- images stay uint8 (memory-mapped) until a client is drawn, which saves start-up time and memory;
- with `--processes P`, P forked workers keep the data and share the weights through shared memory;
  only client numbers travel through pipes.

Tried and left out, because they made no difference on two cores: channels_last, `torch._foreach_add_`,
`torch.autograd.grad`, malloc tuning. `torch.compile` and hand-derived gradients are left out on purpose:
the peer is eager PyTorch with its own autograd.

Standard output carries one JSON object a line: {"round", "seconds"} for each round (training and
averaging), then one summary. README.md says more.
"""

import argparse
import json
import math
import os
import sys
import time

SCRIPT_START = time.monotonic()

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402

BATCH = 10
COHORT = 10
TRAIN_IMAGES = 60_000
TEST_IMAGES = 10_000
PIXELS = 784
CHARACTERS = 90
CONTEXT = 80
TRAIN_TEXTS = 6_000
TEST_TEXTS = 1_000

# name: (clients, learning rate, parameter shapes as PyTorch lays them out)
WORKLOADS = {
    "lr": (1000, 0.03, [(10, 784), (10,)]),
    "2nn": (100, 0.1, [(200, 784), (200,), (200, 200), (200,), (10, 200), (10,)]),
    "cnn": (
        100,
        0.1,
        [(32, 1, 5, 5), (32,), (64, 32, 5, 5), (64,), (512, 3136), (512,), (10, 512), (10,)],
    ),
    "lstm": (
        100,
        0.5,
        [(90, 8)]
        + [(1024, 8), (1024, 256), (1024,), (1024,)]
        + [(1024, 256), (1024, 256), (1024,), (1024,)]
        + [(90, 256), (90,)],
    ),
}


def seconds_since_process_start():
    """Time since the kernel started this process, so that the interpreter and imports count (Linux);
    elsewhere, time since the first line of this script."""
    try:
        with open("/proc/self/stat") as stat:
            ticks = int(stat.read().rsplit(")", 1)[1].split()[19])
        return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError):
        return time.monotonic() - SCRIPT_START


def read_idx(folder, name, header_bytes, count, width):
    path = os.path.join(folder, name)
    expected = header_bytes + count * width
    if not os.path.isfile(path) or os.path.getsize(path) != expected:
        sys.exit(f"torch_federated.py: {path} is missing or not {expected} bytes long (an uncompressed MNIST IDX file)")
    raw = torch.from_file(path, shared=False, size=expected, dtype=torch.uint8)[header_bytes:]
    return raw.view(count, width) if width > 1 else raw


def logits_lr(p, x):
    return F.linear(x, p[0], p[1])


def logits_2nn(p, x):
    h = F.linear(x, p[0], p[1]).relu_()
    h = F.linear(h, p[2], p[3]).relu_()
    return F.linear(h, p[4], p[5])


def logits_cnn(p, x):
    h = x.view(-1, 1, 28, 28)
    # relu and max-pool commute; relu after the pool touches a quarter of the values.
    h = F.max_pool2d(F.conv2d(h, p[0], p[1], padding=2), 2).relu_()
    h = F.max_pool2d(F.conv2d(h, p[2], p[3], padding=2), 2).relu_()
    h = F.linear(h.flatten(1), p[4], p[5]).relu_()
    return F.linear(h, p[6], p[7])


def logits_lstm(p, x):
    start = torch.zeros(2, len(x), 256)
    states, _, _ = torch.lstm(F.embedding(x, p[0]), (start, start), p[1:9], True, 2, 0.0, True, False, True)
    return F.linear(states[:, -1], p[9], p[10])


LOGITS = {"lr": logits_lr, "2nn": logits_2nn, "cnn": logits_cnn, "lstm": logits_lstm}


def texts(first, count):
    """Samples `first` and on: characters at a distance of 1 to 4 from each other, of which the next is the label."""
    numbers = torch.arange(first, first + count)[:, None]
    characters = (numbers * 7 + torch.arange(CONTEXT + 1) * (1 + numbers % 4)) % CHARACTERS
    return characters[:, :-1].to(torch.uint8), characters[:, -1].to(torch.uint8)


def train_samples(workload, folder):
    if workload == "lstm":
        return texts(0, TRAIN_TEXTS)
    images = read_idx(folder, "train-images-idx3-ubyte", 16, TRAIN_IMAGES, PIXELS)
    return images, read_idx(folder, "train-labels-idx1-ubyte", 8, TRAIN_IMAGES, 1)


def test_samples(workload, folder):
    if workload == "lstm":
        return texts(TRAIN_TEXTS, TEST_TEXTS)
    images = read_idx(folder, "t10k-images-idx3-ubyte", 16, TEST_IMAGES, PIXELS)
    return images, read_idx(folder, "t10k-labels-idx1-ubyte", 8, TEST_IMAGES, 1)


class Federation:
    """Data, partition and the local model: what every worker process holds."""

    def __init__(self, workload, folder):
        self.clients, self.lr, self.shapes = WORKLOADS[workload]
        self.logits = LOGITS[workload]
        self.workload = workload
        self.samples_x, self.samples_y = train_samples(workload, folder)
        count = len(self.samples_x)
        self.samples = count // self.clients
        # IID: a permutation cut into equal parts.
        generator = torch.Generator().manual_seed(1)
        self.parts = torch.randperm(count, generator=generator).view(self.clients, self.samples)
        self.size = sum(math.prod(shape) for shape in self.shapes)
        self.local = torch.empty(self.size)
        self.params = [view.requires_grad_() for view in self.views(self.local)]
        self.values = [param.detach() for param in self.params]  # the same memory, outside the graph

    def views(self, flat):
        sizes = [math.prod(shape) for shape in self.shapes]
        return [part.view(shape) for part, shape in zip(flat.split(sizes), self.shapes)]

    def prepared(self, x):
        """Characters are numbers; pixels are divided by 255."""
        return x.int() if self.workload == "lstm" else x.float().div_(255)

    def initialise(self, flat):
        """PyTorch's default for dense and convolution layers: uniform within 1/sqrt(fan-in); for the LSTM's, within 1/sqrt(units)."""
        generator = torch.Generator().manual_seed(0)
        if self.workload == "lstm":
            flat.uniform_(-1 / 16, 1 / 16, generator=generator)
            self.views(flat)[0].normal_(generator=generator)
            return
        bound = 0.0
        for view in self.views(flat):
            if view.dim() > 1:
                bound = 1 / math.sqrt(view[0].numel())
            view.uniform_(-bound, bound, generator=generator)

    def train(self, client, weights):
        """One epoch of SGD on one client, from `weights`; the result is in `self.local`."""
        params, lr, logits = self.params, self.lr, self.logits
        order = self.parts[client][torch.randperm(self.samples)]
        xs = self.prepared(self.samples_x[order]).split(BATCH)
        ys = self.samples_y[order].long().split(BATCH)
        self.local.copy_(weights)
        for x, y in zip(xs, ys):
            F.cross_entropy(logits(params, x), y).backward()
            for value, param in zip(self.values, params):
                value.add_(param.grad, alpha=-lr)
                param.grad = None

    def train_share(self, cohort, weights, total):
        """Sum of the local models of `cohort` into `total`. All clients hold equally many samples."""
        total.zero_()
        for client in cohort:
            self.train(client, weights)
            total.add_(self.local)

    @torch.inference_mode()
    def accuracy(self, flat, folder):
        samples, labels = test_samples(self.workload, folder)
        params = self.views(flat)
        hits = 0
        for x, y in zip(samples.split(1000), labels.split(1000)):
            hits += (self.logits(params, self.prepared(x)).argmax(1) == y).sum().item()
        return hits / len(samples)


def serve(federation, pipe, weights, total, threads, seed):
    """A worker process: client numbers in, an empty message back when their sum is in `total`."""
    torch.set_num_threads(threads)
    torch.manual_seed(seed)
    while True:
        cohort = pipe.recv()
        if cohort is None:
            return
        federation.train_share(cohort, weights, total)
        pipe.send_bytes(b"")


class Workers:
    """Where the cohort is trained: in this process, or in P forked ones that share the weights."""

    def __init__(self, federation, weights, processes, threads):
        self.federation, self.weights = federation, weights
        self.totals = torch.zeros(processes, federation.size)
        self.pipes, self.children = [], []
        if processes == 1:
            return
        import torch.multiprocessing as mp

        # Forking is safe here: no thread pool and no backward pass has run in this process yet.
        context = mp.get_context("fork")
        weights.share_memory_()
        self.totals.share_memory_()
        for index in range(processes):
            ours, theirs = context.Pipe()
            arguments = (federation, theirs, weights, self.totals[index], threads, index)
            child = context.Process(target=serve, args=arguments, daemon=True)
            child.start()
            theirs.close()  # so that a worker's death is seen as the end of its pipe
            self.pipes.append(ours)
            self.children.append(child)

    def round(self, cohort):
        """One round: train the cohort, replace the weights by the mean."""
        if not self.pipes:
            self.federation.train_share(cohort, self.weights, self.totals[0])
        for index, pipe in enumerate(self.pipes):
            pipe.send(cohort[index :: len(self.pipes)])
        for pipe in self.pipes:
            pipe.recv_bytes()
        mean = self.totals[0] if len(self.totals) == 1 else self.totals.sum(0)
        torch.mul(mean, 1 / len(cohort), out=self.weights)

    def close(self):
        for pipe in self.pipes:
            pipe.send(None)
        for child in self.children:
            child.join()


def parse_arguments():
    parser = argparse.ArgumentParser(description="FedAvg as a bare PyTorch loop, on MNIST or on made-up texts.")
    parser.add_argument("--workload", choices=sorted(WORKLOADS), required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1, help="threads inside an operator, in each process")
    parser.add_argument("--processes", type=int, default=1, help="processes that share the cohort")
    parser.add_argument("--data", required=True, help="folder with the four uncompressed MNIST IDX files")
    parser.add_argument("--evaluate", action="store_true", help="test accuracy at the end")
    arguments = parser.parse_args()
    for name, most in (("rounds", None), ("threads", None), ("processes", COHORT)):
        value = getattr(arguments, name)
        if value < 1 or (most is not None and value > most):
            parser.error(f"--{name} must be at least 1" + (f" and at most {most}" if most else ""))
    return arguments


def main():
    arguments = parse_arguments()
    # With several processes the parent only averages, and must not start a thread pool before it forks.
    torch.set_num_threads(arguments.threads if arguments.processes == 1 else 1)
    torch.manual_seed(0)
    federation = Federation(arguments.workload, arguments.data)
    weights = torch.empty(federation.size)
    federation.initialise(weights)
    workers = Workers(federation, weights, arguments.processes, arguments.threads)
    sampler = torch.Generator().manual_seed(2)
    seconds = []
    for number in range(arguments.rounds):
        start = time.perf_counter()
        cohort = torch.randperm(federation.clients, generator=sampler)[:COHORT].tolist()
        workers.round(cohort)
        seconds.append(time.perf_counter() - start)
        print(json.dumps({"round": number, "seconds": round(seconds[-1], 6)}), flush=True)
    workers.close()
    accuracy = federation.accuracy(weights, arguments.data) if arguments.evaluate else None
    timed = seconds[1:] or seconds  # the first round warms up
    print(
        json.dumps(
            {
                "workload": arguments.workload,
                "rounds": arguments.rounds,
                "samplesPerSecond": round(len(timed) * COHORT * federation.samples / sum(timed), 1),
                "wholeProcessSeconds": round(seconds_since_process_start(), 3),
                "accuracy": accuracy,
                "torch": torch.__version__,
                "threads": arguments.threads,
                "processes": arguments.processes,
            }
        ),
        flush=True,
    )


if __name__ == "__main__":
    main()
