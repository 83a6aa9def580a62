#!/usr/bin/env python3
"""Train a small GPT-2 and its draft on your own text, on a laptop's CPU (or one GPU).

Nobody needs this to use the project: what it made lies in models/tales and in
models/tales-draft (their README.md says what came out). Bare, it makes both anew from
build/corpus, into build/tales and build/tales-draft: RECIPE below says how. Step by step,
on any text files, with <|endoftext|> between one piece of text and the next:

    models/corpus.py build/corpus          # or bring your own text
    T="--text build/corpus/train.txt --val build/corpus/val.txt"
    models/train.py tokenizer --out build/mine $T
    models/train.py train --out build/mine --minutes 30 --width 256 --heads 4 $T
    models/train.py sample --out build/mine --prompt "Once upon a time"

A model is a directory in Hugging Face's layout, for GPT2LMHeadModel and GPT2Tokenizer.

The parts, in order: the tokenizer, the data, the model, files, the optimizer, training,
and what to do with a trained model (evaluate, sample, count a draft's accepted tokens).
"""

import argparse
import copy
import csv
import json
import math
import os
import pathlib
import shutil
import subprocess
import sys
import time

# PyTorch asks for large blocks all the time, and glibc by default gives each one back to
# the kernel, which clears its pages anew: a quarter of the time was lost on that. These
# settings must be there when a process starts, so it starts itself again with them.
ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": str(4 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(16 << 30),
    "MALLOC_TOP_PAD_": str(256 << 20),
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    "OMP_WAIT_POLICY": "PASSIVE",  # a waiting thread that spins starves its neighbours
}
SET = "MALLOC_TOP_PAD_" in os.environ
if __name__ == "__main__" and sys.platform == "linux" and not SET:
    os.execve(sys.executable, [sys.executable] + sys.argv, {**ALLOCATOR, **os.environ})

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import nn

END = "<|endoftext|>"
ROOT = pathlib.Path(__file__).resolve().parent.parent
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


# ---- the tokenizer ---------------------------------------------------------------------


def read_documents(paths):
    """The texts of all files, cut at <|endoftext|>."""
    for path in paths:
        for text in pathlib.Path(path).read_text(encoding="utf-8").split(END):
            if text.strip():
                yield text


def train_tokenizer(args):
    """Byte-level BPE in GPT-2's two files, its ids in GPT-2's order.

    256 ids for the bytes, one for each merge, and the last one for <|endoftext|>.
    """
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=args.vocab - 1,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(read_documents(args.text), trainer)
    model = json.loads(bpe.to_str())["model"]
    vocab = dict(sorted(model["vocab"].items(), key=lambda item: item[1]))
    vocab[END] = len(vocab)
    if len(vocab) != args.vocab:
        sys.exit(f"the text gives only {len(vocab)} tokens: ask for fewer with --vocab")
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "vocab.json").write_text(
        json.dumps(vocab, ensure_ascii=False) + "\n", "utf-8"
    )
    merges = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    lines = ["#version: 0.2"] + merges
    (args.out / "merges.txt").write_text("\n".join(lines) + "\n", "utf-8")
    print(f"{args.out}: {len(vocab)} tokens, {len(merges)} merges")


def load_tokenizer(directory):
    bpe = models.BPE.from_file(f"{directory}/vocab.json", f"{directory}/merges.txt")
    tokenizer = Tokenizer(bpe)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


# ---- the data --------------------------------------------------------------------------


def encode_files(tokenizer, paths):
    """One long array of ids, <|endoftext|> after each document; and its size in bytes."""
    documents = list(read_documents(paths))
    end = tokenizer.token_to_id(END)
    ids = [np.array(e.ids + [end], np.int64) for e in tokenizer.encode_batch(documents)]
    return np.concatenate(ids), sum(len(d.encode()) for d in documents)


def cut_windows(ids, starts, window):
    """Inputs and targets, both [rows, window]; a target is the input one further."""
    both = torch.from_numpy(np.stack([ids[s : s + window + 1] for s in starts])).to(
        DEVICE
    )
    return both[:, :-1].contiguous(), both[:, 1:].contiguous()


class Batches:
    """Windows of the text in random order: every token is seen once an epoch.

    Each epoch starts at another offset, so that the windows are cut at other places.
    """

    def __init__(self, ids, seed):
        self.ids, self.random = ids, np.random.default_rng(seed)
        self.window, self.queue = 0, []

    def next(self, rows, window):
        """The next inputs and targets."""
        if len(self.queue) < rows or window != self.window:
            first = int(self.random.integers(window))
            starts = np.arange(first, len(self.ids) - window - 1, window)
            self.queue, self.window = self.random.permutation(starts).tolist(), window
        starts, self.queue = self.queue[:rows], self.queue[rows:]
        return cut_windows(self.ids, starts, window)


# ---- the model: GPT-2, under Hugging Face's names --------------------------------------


class Conv1D(nn.Module):
    """A linear layer whose weight lies as GPT-2's does: [inputs, outputs]."""

    def __init__(self, inputs, outputs, std=0.02):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(inputs, outputs) * std)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        return F.linear(x, self.weight.t(), self.bias)


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        C = config["n_embd"]
        self.heads, self.size = config["n_head"], C // config["n_head"]
        self.c_attn = Conv1D(C, 3 * C)
        # What is added to the residual stream starts smaller the more layers add to it.
        self.c_proj = Conv1D(C, C, 0.02 / math.sqrt(2 * config["n_layer"]))

    def forward(self, x):
        B, T, C = x.shape
        qkv = self.c_attn(x).view(B, T, 3, self.heads, self.size).permute(2, 0, 3, 1, 4)
        q, k, v = qkv.unbind(0)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(y.transpose(1, 2).reshape(B, T, C))


class MLP(nn.Module):
    def __init__(self, config):
        super().__init__()
        C = config["n_embd"]
        self.c_fc = Conv1D(C, 4 * C)
        self.c_proj = Conv1D(4 * C, C, 0.02 / math.sqrt(2 * config["n_layer"]))

    def forward(self, x):
        return self.c_proj(F.gelu(self.c_fc(x), approximate="tanh"))


class Block(nn.Module):
    def __init__(self, config, dropout):
        super().__init__()
        self.ln_1, self.attn = nn.LayerNorm(config["n_embd"]), Attention(config)
        self.ln_2, self.mlp = nn.LayerNorm(config["n_embd"]), MLP(config)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        x = x + self.dropout(self.attn(self.ln_1(x)))
        return x + self.dropout(self.mlp(self.ln_2(x)))


class GPT2(nn.Module):
    def __init__(self, config, dropout=0.0):
        super().__init__()
        self.config = config
        self.wte = nn.Embedding(config["vocab_size"], config["n_embd"])
        self.wpe = nn.Embedding(config["n_positions"], config["n_embd"])
        nn.init.normal_(self.wte.weight, std=0.02)
        nn.init.normal_(self.wpe.weight, std=0.01)
        self.dropout = nn.Dropout(dropout)
        self.h = nn.ModuleList(Block(config, dropout) for _ in range(config["n_layer"]))
        self.ln_f = nn.LayerNorm(config["n_embd"])

    def forward(self, ids):
        """ids [B, T] -> logits [B, T, V]."""
        x = self.dropout(self.wte(ids) + self.wpe.weight[: ids.shape[1]])
        for block in self.h:
            x = block(x)
        return F.linear(self.ln_f(x), self.wte.weight)  # the head is the embedding again


# ---- files -----------------------------------------------------------------------------


def make_config(args, vocab_size):
    """Everything that Hugging Face's GPT2Config asks for."""
    return {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "vocab_size": vocab_size,
        "n_positions": args.context,
        "n_ctx": args.context,
        "n_embd": args.width,
        "n_layer": args.layers,
        "n_head": args.heads,
        "n_inner": None,
        "activation_function": "gelu_new",
        "layer_norm_epsilon": 1e-05,
        "initializer_range": 0.02,
        "resid_pdrop": args.dropout,
        "embd_pdrop": args.dropout,
        "attn_pdrop": 0.0,
        "bos_token_id": vocab_size - 1,
        "eos_token_id": vocab_size - 1,
        "tie_word_embeddings": True,
        "torch_dtype": "bfloat16",
    }


def write_text(path, text):
    """Never leave half a file under the final name."""
    part = path.with_name(path.name + ".part")
    part.write_text(text, "utf-8")
    part.replace(path)


def save_model(model, directory):
    """config.json, generation_config.json, and the weights rounded to bf16."""
    config = model.config
    write_text(directory / "config.json", json.dumps(config, indent=2) + "\n")
    ends = {key: config[key] for key in ("bos_token_id", "eos_token_id")}
    sampling = {"do_sample": True, "temperature": 0.8, "top_k": 40}
    text = json.dumps({**ends, **sampling}, indent=2) + "\n"
    write_text(directory / "generation_config.json", text)
    weights = {k: v.detach().cpu().bfloat16() for k, v in model.state_dict().items()}
    part = directory / "model.safetensors.part"
    save_file({k: v.contiguous() for k, v in weights.items()}, part, {"format": "pt"})
    part.chmod(0o644)  # safetensors makes it private
    part.replace(directory / "model.safetensors")


def count(model):
    return sum(p.numel() for p in model.parameters())


def load_model(directory):
    config = json.loads(pathlib.Path(directory, "config.json").read_text("utf-8"))
    model = GPT2(config)
    weights = load_file(f"{directory}/model.safetensors")
    model.load_state_dict({k: v.float() for k, v in weights.items()})
    return model.to(DEVICE).eval()


# ---- the optimizer ---------------------------------------------------------------------


def make_optimizers(model, args):
    """Muon for the matrices inside the blocks, AdamW for embeddings, norms and biases.

    Muon replaces a matrix's gradient by the nearest orthogonal matrix: all directions
    learn equally fast. It reaches a given loss in clearly fewer steps than AdamW alone.
    """
    matrices = [
        p for n, p in model.named_parameters() if n.startswith("h.") and p.ndim == 2
    ]
    chosen = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in chosen]
    muon = torch.optim.Muon(
        matrices, lr=args.muon_lr, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"
    )
    adam = torch.optim.AdamW(
        others, lr=args.lr, betas=(0.9, 0.95), weight_decay=0, fused=True
    )
    for optimizer in (muon, adam):
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return [muon, adam]


class Trainer:
    """f32 weights that are updated, and a bf16 copy of them that computes."""

    def __init__(self, model, args, teacher):
        self.master, self.teacher = model, teacher
        self.work = copy.deepcopy(model).bfloat16().train()
        self.optimizers = make_optimizers(model, args)
        self.loss = torch.compile(self.plain_loss, dynamic=False)

    def plain_loss(self, x, y, teach):
        logits = self.work(x).flatten(0, 1).float()
        if not teach:
            return F.cross_entropy(logits, y.flatten())
        # A draft is there to be believed: it learns the teacher's whole distribution, not
        # the one token that the text happens to have. KL(teacher || draft):
        with torch.no_grad():
            wanted = self.teacher(x).flatten(0, 1).float().log_softmax(-1)
        return F.kl_div(
            logits.log_softmax(-1), wanted, reduction="batchmean", log_target=True
        )

    def step(self, x, y, rate, teach):
        """One update at `rate` times the peak learning rate; returns the loss."""
        loss = self.loss(x, y, teach)
        loss.backward()
        for master, work in zip(self.master.parameters(), self.work.parameters()):
            master.grad, work.grad = work.grad.float(), None
        torch.nn.utils.clip_grad_norm_(self.master.parameters(), 1.0)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["peak"] * rate
            optimizer.step()
            optimizer.zero_grad()
        with torch.no_grad():
            pairs = list(self.work.parameters()), list(self.master.parameters())
            torch._foreach_copy_(*pairs)
        return loss.item()

    def save(self, path, done):
        """A checkpoint to go on from, should the run be killed."""
        optimizers = [o.state_dict() for o in self.optimizers]
        state = {"weights": self.master.state_dict(), "optimizers": optimizers}
        torch.save({**state, "done": done}, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)

    def restore(self, state):
        self.master.load_state_dict(state["weights"])
        self.work.load_state_dict(state["weights"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"]):
            optimizer.load_state_dict(saved)


# ---- training --------------------------------------------------------------------------


@torch.no_grad()
def validate(model, ids, window):
    """Mean loss in nats a token over windows that lie end to end."""
    rows = (len(ids) - 1) // window
    was_training = model.training
    model.eval()  # no dropout
    total = 0.0
    for first in range(0, rows, 8):
        x, y = cut_windows(
            ids, [r * window for r in range(first, min(first + 8, rows))], window
        )
        logits = model(x).flatten(0, 1).float()
        total += F.cross_entropy(logits, y.flatten(), reduction="sum").item()
    model.train(was_training)
    return total / (rows * window)


def rate_at(step, progress, warmup=100):
    """Warm up over the first steps, then half a cosine down to a twentieth."""
    cosine = 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
    return min(1.0, (step + 1) / warmup) * (0.05 + 0.95 * cosine)


class Log:
    """loss.csv beside the model, rewritten whole: it has a few dozen rows."""

    HEAD = "minutes step tokens window train_loss val_loss tokens_per_s".split()

    def __init__(self, path, rows):
        self.path, self.rows = path, rows

    def add(self, *row):
        self.rows.append(list(row))
        print("  ".join(f"{k} {v}" for k, v in zip(self.HEAD, row)), flush=True)
        with open(self.path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(self.HEAD)
            writer.writerows(self.rows)


def train(args):
    """Train for a given time.

    The schedule follows the clock, not the number of steps: a busy machine makes fewer
    steps, and the learning rate still ends where it should.
    """
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    if args.teacher:  # the same tokens, or the two could not speak of the same thing
        args.out.mkdir(parents=True, exist_ok=True)
        for name in ("vocab.json", "merges.txt"):
            shutil.copyfile(args.teacher / name, args.out / name)
    tokenizer = load_tokenizer(args.out)
    ids, _ = encode_files(tokenizer, args.text)
    val, _ = encode_files(tokenizer, args.val)
    print(f"{len(ids):,} tokens to train on, {len(val):,} to validate on")
    model = GPT2(make_config(args, tokenizer.get_vocab_size()), args.dropout).to(DEVICE)
    print(f"{count(model):,} parameters", flush=True)
    teacher = load_model(args.teacher).bfloat16() if args.teacher else None
    trainer, batches = Trainer(model, args, teacher), Batches(ids, args.seed)

    checkpoint = ROOT / "build" / f"train-{args.out.name}.pt"
    checkpoint.parent.mkdir(exist_ok=True)
    done = {"step": 0, "elapsed": 0.0, "tokens": 0, "best": math.inf, "rows": []}
    if args.resume and checkpoint.exists():
        saved = torch.load(checkpoint, weights_only=True)
        trainer.restore(saved)
        done = saved["done"]
        batches = Batches(ids, args.seed + done["step"])
        print(f"goes on at step {done['step']}, {done['elapsed'] / 60:.1f} minutes")
    log = Log(args.out / "loss.csv", done["rows"])

    began = time.time() - done["elapsed"]
    last_look, average, was_taught = None, None, False
    while True:
        done["elapsed"] = time.time() - began
        progress = done["elapsed"] / (60 * args.minutes)
        # Short windows are cheaper and teach nearly as much; the last part is at full
        # length, or the later position embeddings would never be trained.
        full = progress >= min(args.full_from, 1)
        window = args.context if full else min(256, args.context)
        if last_look is None:
            last_look = done["elapsed"], done["tokens"]
        if progress < 1:
            taught = teacher is not None and progress >= args.teacher_from
            x, y = batches.next(args.batch // window, window)
            loss = trainer.step(x, y, rate_at(done["step"], progress), taught)
            fresh = average is None or taught != was_taught  # another kind of loss
            average = loss if fresh else 0.98 * average + 0.02 * loss
            was_taught = taught
            done["step"] += 1
            done["tokens"] += x.numel()
        if done["step"] in (1, 10, 50) or done["step"] % 200 == 0:
            print(f"step {done['step']}  {done['elapsed'] / 60:.1f} min  {average:.3f}")
            sys.stdout.flush()
        seconds = done["elapsed"] - last_look[0]
        if progress >= 1 or seconds >= 60 * args.look_every:
            now = validate(trainer.work, val, window)
            speed = (done["tokens"] - last_look[1]) / max(seconds, 1e-9)
            log.add(f"{done['elapsed'] / 60:.1f}", done["step"], done["tokens"], window,
                    f"{average:.4f}", f"{now:.4f}", f"{speed:.0f}")  # fmt: skip
            # Losses of different windows do not compare: only the full one counts. And
            # a draft that follows its teacher is not judged by how well it reads text.
            if was_taught or window == args.context and now < done["best"]:
                done["best"] = now
                save_model(model, args.out)
            trainer.save(checkpoint, done)
            last_look = None
        if progress >= 1:
            break
    print(f"{done['step']} steps, {done['tokens']:,} tokens, ", end="")
    print(f"{done['tokens'] / len(ids):.2f} epochs")
    evaluate(args)


# ---- what to do with a trained model ---------------------------------------------------


def evaluate(args):
    """The loss of the file's weights, rounded as they are, computed in f32."""
    model, tokenizer = load_model(args.out), load_tokenizer(args.out)
    ids, size = encode_files(tokenizer, args.val)
    loss = validate(model, ids, model.config["n_positions"])
    print(f"{args.out}: {count(model):,} parameters, {len(ids):,} tokens of val")
    print(f"loss {loss:.4f}, perplexity {math.exp(loss):.2f}, ", end="")
    print(f"{loss * len(ids) / size / math.log(2):.3f} bits a byte")


def distribution(logits, temperature, top_k):
    """Probabilities [..., V]; temperature 0 puts all on the largest logit."""
    if temperature == 0:
        return F.one_hot(logits.argmax(-1), logits.shape[-1]).float()
    logits = logits / temperature
    if top_k:
        least = logits.topk(top_k, -1).values[..., -1:]
        logits = logits.masked_fill(logits < least, -math.inf)
    return logits.softmax(-1)


@torch.no_grad()
def sample(args):
    """Print what the model writes, unedited."""
    model, tokenizer = load_model(args.out), load_tokenizer(args.out)
    context, end = model.config["n_positions"], tokenizer.token_to_id(END)
    for number, prompt in enumerate(args.prompt):
        random = torch.Generator(DEVICE).manual_seed(args.seed + number)
        ids = tokenizer.encode(prompt).ids or [end]
        for _ in range(args.length):
            logits = model(torch.tensor([ids[-context:]], device=DEVICE))[0, -1]
            p = distribution(logits, args.temperature, args.top_k)
            ids.append(torch.multinomial(p, 1, generator=random).item())
            if ids[-1] == end:
                break
        print(f"---- {args.out.name}, temperature {args.temperature}, top-k {args.top_k}")
        print(tokenizer.decode(ids, skip_special_tokens=False))


@torch.no_grad()
def speculate(target, draft, ids, length, gamma, temperature, random):
    """Speculative sampling without caches. Returns proposed, accepted, target passes."""
    context = target.config["n_positions"]
    ids, proposed, accepted, passes = list(ids), 0, 0, 0
    goal = len(ids) + length

    def probabilities(model, ids, last):
        logits = model(torch.tensor([ids[-context:]], device=DEVICE))[0, -last:]
        return distribution(logits, temperature, 0)

    while len(ids) < goal:
        guess, q = list(ids), []
        for _ in range(gamma):
            q.append(probabilities(draft, guess, 1)[0])
            guess.append(torch.multinomial(q[-1], 1, generator=random).item())
        p = probabilities(target, guess, gamma + 1)
        passes, proposed, kept = passes + 1, proposed + gamma, 0
        while kept < gamma:
            token = guess[len(ids) + kept]
            u = torch.rand(1, generator=random, device=DEVICE).item()
            if u >= (p[kept, token] / q[kept][token]).item():
                break
            kept += 1
        # The first token refused is drawn anew from what the draft had too little of.
        rest = p[gamma] if kept == gamma else (p[kept] - q[kept]).clamp(min=0)
        token = torch.multinomial(rest / rest.sum(), 1, generator=random).item()
        ids, accepted = guess[: len(ids) + kept] + [token], accepted + kept
    return proposed, accepted, passes


def accept(args):
    """How many of a draft's tokens the target accepts, after prompts from --val."""
    target, draft = load_model(args.teacher), load_model(args.out)
    tokenizer = load_tokenizer(args.out)
    tales = list(read_documents(args.val))[: args.prompts]
    prompts = [tokenizer.encode(tale).ids[:48] for tale in tales]
    for temperature in (1.0, 0.8, 0.0):
        total = np.zeros(3)
        for number, prompt in enumerate(prompts):
            random = torch.Generator(DEVICE).manual_seed(args.seed + number)
            total += speculate(target, draft, prompt, 80, args.gamma, temperature, random)
        proposed, accepted, passes = total
        print(f"temperature {temperature}, gamma {args.gamma}: ", end="")
        print(f"accepted/proposed {accepted / proposed:.3f}, ", end="")
        print(f"{accepted / passes + 1:.2f} tokens a target pass", flush=True)


# ---- the command line ------------------------------------------------------------------

TEXT = ["--text", "build/corpus/train.txt", "--val", "build/corpus/val.txt"]
DRAFT = ["--width", "128", "--layers", "2", "--heads", "2", "--full-from", "0"]
RECIPE = [
    ["tokenizer", "--out", "build/tales", *TEXT],
    ["train", "--out", "build/tales", "--minutes", "86", "--full-from", "0.72", *TEXT],
    ["train", "--out", "build/tales-draft", "--minutes", "17.5", *DRAFT, *TEXT,
     "--teacher", "build/tales", "--teacher-from", "0.5"],
    ["accept", "--out", "build/tales-draft", "--teacher", "build/tales", *TEXT],
]  # fmt: skip


def follow_recipe():
    """models/tales and models/tales-draft anew, into build/."""
    os.chdir(ROOT)
    if not pathlib.Path("build/corpus/train.txt").exists():
        sys.exit("no build/corpus/train.txt: try models/corpus.py build/corpus")
    for step in RECIPE:
        print("models/train.py", *step, flush=True)
        subprocess.run([sys.executable, __file__, *step], check=True)


def parse_args():
    summary = __doc__.split("\n\n")[0]
    parser = argparse.ArgumentParser(description=summary)
    commands = parser.add_subparsers(dest="command")
    shared = argparse.ArgumentParser(add_help=False)
    option = shared.add_argument
    option("--out", type=pathlib.Path, required=True, help="the model's directory")
    option("--text", nargs="+", default=[], metavar="FILE", help="text to train on")
    option("--val", nargs="+", default=[], metavar="FILE", help="text to validate on")
    option("--teacher", type=pathlib.Path, metavar="DIR", help="a draft's target")
    option("--seed", type=int, default=0)

    command = commands.add_parser("tokenizer", parents=[shared], help="train the BPE")
    command.add_argument("--vocab", type=int, default=4096, help="tokens in all")

    command = commands.add_parser(
        "train", parents=[shared], help="train a model or a draft"
    )
    option = command.add_argument
    option("--width", type=int, default=320)
    option("--layers", type=int, default=6)
    option("--heads", type=int, default=5)
    option("--context", type=int, default=512)
    option("--dropout", type=float, default=0.0)
    option("--minutes", type=float, default=90, help="time in all, by the clock")
    option("--batch", type=int, default=8192, help="tokens a step")
    option("--lr", type=float, default=2e-3, help="peak rate of AdamW")
    option("--muon-lr", type=float, default=3e-3, help="peak rate of Muon")
    option("--full-from", type=float, default=0.7, help="share of the time at 256 tokens")
    option("--teacher-from", type=float, default=0.5, help="share of the time without KL")
    option("--look-every", type=float, default=5, help="minutes between validations")
    option("--threads", type=int, default=os.cpu_count())
    option("--resume", action="store_true", help="go on from build/train-NAME.pt")

    commands.add_parser("evaluate", parents=[shared], help="loss on --val")
    command = commands.add_parser("sample", parents=[shared], help="print some text")
    option = command.add_argument
    option("--prompt", nargs="+", default=["Once upon a time there was"])
    option("--length", type=int, default=160)
    option("--temperature", type=float, default=0.8)
    option("--top-k", type=int, default=40)
    command = commands.add_parser("accept", parents=[shared], help="try a draft")
    command.add_argument("--gamma", type=int, default=4)
    command.add_argument("--prompts", type=int, default=30)
    return parser.parse_args()


def main():
    args = parse_args()
    if args.command is None:
        return follow_recipe()
    needs = {
        "tokenizer": ["text"],
        "train": ["text", "val"],
        "evaluate": ["val"],
        "accept": ["val", "teacher"],
    }
    for name in needs.get(args.command, []):
        if not getattr(args, name):
            sys.exit(f"{args.command} needs --{name}")
    run = {
        "tokenizer": train_tokenizer,
        "train": train,
        "evaluate": evaluate,
        "sample": sample,
        "accept": accept,
    }
    run[args.command](args)


if __name__ == "__main__":
    main()
