#!/usr/bin/env python3
"""Makes the random models of tests/models/ and the reference tensors of tests/reference/.

    make_reference.py models              write tests/models/*: small, odd shapes
    make_reference.py tensors [NAME ...]  run Hugging Face's GPT-2 on them, and on tales
    make_reference.py all                 both, and beams.json (make_beams.py)
    make_reference.py check               is the data fit to find mistakes? (only prints)
    make_reference.py compare MODEL FILE  a --dump of our program against Hugging Face

Needs PyTorch and transformers (`make venv`). Nobody needs it to build or to test: what
it writes is committed. README.md in this directory lists the models and the tensors.
"""

import argparse
import json
import math
import os
import random
import shutil
import struct
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")     # all that we read is in the repository
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

import torch
import transformers
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from transformers import GPT2LMHeadModel, GPT2Tokenizer

from make_beams import make_beams
from reference import HERE, NEW_TOKENS, ROOT, fingerprint, model_path

torch.set_num_threads(1)                         # one order of summation
transformers.utils.logging.disable_progress_bar()

F32, F16, BF16 = torch.float32, torch.float16, torch.bfloat16

# V vocabulary, C width, NH heads, L blocks. `rows`: how many ids the reference has.
# The seeds are those of 1 to 60 whose greedy text is varied and hangs on no close call.
# `quiet` embeddings have a variance so small that a wrong layer_norm_epsilon is seen.
# "mixed" storage: matrices in bf16, vectors in f32.
MODELS = {
    "tiny":    dict(seed=56, V=11, n_ctx=100, C=6, NH=1, L=1, inner=10, rows=70),
    "heads12": dict(seed=13, V=101, n_ctx=40, C=36, NH=3, L=2, rows=40),
    "heads64": dict(seed=41, V=59, n_ctx=64, C=128, NH=2, L=1, inner=40, rows=36,
                    store=F16, lean_config=True),
    "head80":  dict(seed=48, V=67, n_ctx=48, C=80, NH=1, L=2, inner=50, rows=35,
                    store=BF16),
    "chunk33": dict(seed=48, V=77, n_ctx=33, C=24, NH=2, L=3, rows=33, eps=1e-6,
                    prefix=True, untied=True, quiet=True, past=True),
    "odd":     dict(seed=11, V=103, n_ctx=41, C=21, NH=3, L=2, rows=29,
                    prefix=True, untied=True, quiet=True, buffers=True),
    "shards":  dict(seed=56, V=90, n_ctx=44, C=48, NH=4, L=2, inner=72, rows=44,
                    prefix=True, untied=True, store="mixed", shards=2),
}

TALES_TEXT = "Once upon a time there was a poor miller who had three sons and a cat."
TALES_ROWS = 12
TALES_PROMPTS = [
    "Once upon a time",
    "There was once a king who had three daughters, and the youngest",
    "The fox looked at the crow and said",
    "In a little house at the edge of the wood there lived",
    "\"Who are you?\" asked the",
    "Long ago, when the world was young,",
    "The old woman",
    "CHAPTER I\n\nThe",
    "One day Peter Rabbit",
    "The giant had 3 heads, 2 wives & an axe;",
]


# ---- random models

def uniform(rng, shape, mean, std):
    """Uniform numbers, not normal ones: made by + and * alone they have the same bits
    on every machine, where a vectorised logarithm may not."""
    count = math.prod(shape)
    half = std * math.sqrt(3)
    values = [mean + half * (2 * rng.random() - 1) for _ in range(count)]
    return torch.tensor(values, dtype=F32).reshape(shape)


def random_weights(m):
    """Lively weights: attention far from uniform, logits several units apart, gains that
    are not 1 and biases that are not 0. With GPT-2's own initial weights (std 0.02) many
    a mistake would be lost in the rounding."""
    rng = random.Random(m["seed"])
    C, L = m["C"], m["L"]
    inner = m.get("inner") or 4 * C
    loud = 3 / math.sqrt(C)      # the final norm (about 1) times it: logits of about 3
    w = {}

    def matrix(name, rows, columns, gain):
        w[name + ".weight"] = uniform(rng, (rows, columns), 0, gain / math.sqrt(rows))
        w[name + ".bias"] = uniform(rng, (columns,), 0, 0.3)

    def norm(name):
        w[name + ".weight"] = uniform(rng, (C,), 1.0, 0.4)
        w[name + ".bias"] = uniform(rng, (C,), 0, 0.2)

    w["wte.weight"] = uniform(rng, (m["V"], C), 0, 0.01 if m.get("quiet") else loud)
    w["wpe.weight"] = uniform(rng, (m["n_ctx"], C), 0, 0.01 if m.get("quiet") else loud)
    for l in range(L):
        norm(f"h.{l}.ln_1")
        matrix(f"h.{l}.attn.c_attn", C, 3 * C, 1.5)
        matrix(f"h.{l}.attn.c_proj", C, C, 1.5)
        norm(f"h.{l}.ln_2")
        matrix(f"h.{l}.mlp.c_fc", C, inner, 1.5)
        matrix(f"h.{l}.mlp.c_proj", inner, C, 1.5)
    norm("ln_f")
    if m.get("untied"):
        w["lm_head.weight"] = uniform(rng, (m["V"], C), 0, loud)
    return w


def stored(m, weights):
    """The same tensors as the file has them: rounded, renamed, with old buffers."""
    store = m.get("store", F32)
    out = {}
    for name, w in weights.items():
        if store == "mixed":
            w = w.to(BF16 if w.dim() == 2 else F32)
        else:
            w = w.to(store)
        if m.get("prefix") and name != "lm_head.weight":     # the head lies outside of it
            name = "transformer." + name
        out[name] = w
    if m.get("buffers"):
        # GPT-2 on the hub has its causal mask in the file, other checkpoints a scalar
        # too; as f32 or as bytes. Loaders must ignore both.
        mask = torch.ones(1, 1, m["n_ctx"], m["n_ctx"]).tril()
        for l in range(m["L"]):
            kind = F32 if l == 0 else torch.uint8
            out[f"transformer.h.{l}.attn.bias"] = mask.to(kind)
            out[f"transformer.h.{l}.attn.masked_bias"] = torch.tensor(-1e4)
    return out


def config_of(m):
    config = {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "vocab_size": m["V"],
        "n_positions": m["n_ctx"],
        "n_ctx": m["n_ctx"],
        "n_embd": m["C"],
        "n_layer": m["L"],
        "n_head": m["NH"],
        "n_inner": m.get("inner"),
        "activation_function": "gelu_new",
        "layer_norm_epsilon": m.get("eps", 1e-5),
        "bos_token_id": None,
        "eos_token_id": None,
        "tie_word_embeddings": not m.get("untied"),
    }
    if m.get("lean_config"):    # no n_ctx, as transformers 5 writes it; and no defaults
        for key in ["n_ctx", "bos_token_id", "eos_token_id", "tie_word_embeddings"]:
            del config[key]
    return config


def write_weights(file, tensors):
    save_file(tensors, file, metadata={"format": "pt"})
    os.chmod(file, 0o644)                       # the library gives it to its owner alone


def save_shards(path, tensors, count):
    """Splits the tensors into files of about equal size, and writes the index that says
    which file has which tensor."""
    def size(t):
        return t.numel() * t.element_size()

    total = sum(size(t) for t in tensors.values())
    shards = [{} for _ in range(count)]
    done = 0
    for name, t in tensors.items():
        shards[min(done * count // total, count - 1)][name] = t
        done += size(t)
    where = {}
    for i, shard in enumerate(shards):
        file = f"model-{i + 1:05}-of-{count:05}.safetensors"
        write_weights(os.path.join(path, file), shard)
        where.update({name: file for name in shard})
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(where.items()))}
    write_json(os.path.join(path, "model.safetensors.index.json"), index)


def write_json(path, value):
    with open(path, "w", encoding="utf-8", newline="\n") as f:
        json.dump(value, f, indent=1, ensure_ascii=False)
        f.write("\n")


def make_models():
    for name, m in MODELS.items():
        path = os.path.join(ROOT, "tests", "models", name)
        shutil.rmtree(path, ignore_errors=True)      # no file of an older recipe stays
        os.makedirs(path)
        write_json(os.path.join(path, "config.json"), config_of(m))
        tensors = stored(m, random_weights(m))
        if m.get("shards"):
            save_shards(path, tensors, m["shards"])
        else:
            write_weights(os.path.join(path, "model.safetensors"), tensors)
        print(f"tests/models/{name}: {weight_bytes(path)} bytes")


# ---- running Hugging Face's model

def weight_bytes(path):
    return sum(os.path.getsize(os.path.join(path, f)) for f in os.listdir(path)
               if f.endswith(".safetensors"))


def load(path, dtype=F32):
    """The stored weights, whatever they were rounded to, computed with in `dtype`. Eager
    attention is the textbook one: scores, mask, softmax, sum."""
    model, info = GPT2LMHeadModel.from_pretrained(
        path, dtype=dtype, attn_implementation="eager", output_loading_info=True)
    return model.eval(), info


def run(model, ids):
    """One pass over all ids: the tensors of the reference, by name. Hooks give what
    leaves each block; of HF's own hidden_states the last is the one after ln_f."""
    tensors, hooks = {}, []

    def watch(module, before=None, after=None):
        def hook(_, inputs, output):
            if before:
                tensors[before] = inputs[0][0].clone()
            if after:                            # attention returns its weights beside it
                output = output[0] if isinstance(output, tuple) else output
                tensors[after] = output[0].clone()
        hooks.append(module.register_forward_hook(hook))

    body = model.transformer
    first = body.h[0]
    watch(first, before="hidden_states.0")
    for l, block in enumerate(body.h):
        watch(block, after=f"hidden_states.{l + 1}")
    watch(first.ln_1, after="first_attention.in")
    watch(first.attn, after="first_attention.out")
    watch(first.mlp, before="first_block.mlp_in", after="first_block.mlp_out")
    watch(body.ln_f, after="final_norm")
    with torch.no_grad():
        tensors["logits"] = model(torch.tensor([ids]), use_cache=False).logits[0]
    for hook in hooks:
        hook.remove()
    return tensors


def perplexity(logits, ids):
    """exp of the mean surprise at ids[1], ids[2], ...; summed in double."""
    logp = torch.log_softmax(logits[:-1].double(), dim=-1)
    nll = -logp[torch.arange(len(ids) - 1), torch.tensor(ids[1:])]
    return nll.mean().exp()


def greedy(model, ids, count, eos=None):
    """`count` times the likeliest token; each pass computes the whole window anew, at
    positions from 0, so past n_ctx this is `--overflow crop`. Returns the new ids, and
    the narrowest gap between best and second best logit: rounding decides below 1e-4."""
    ids, new, gap = list(ids), [], math.inf
    while len(new) < count and (not new or new[-1] != eos):
        window = torch.tensor([ids[-model.config.n_positions:]])
        with torch.no_grad():
            best = model(window, use_cache=False).logits[0, -1].topk(2)
        gap = min(gap, (best.values[0] - best.values[1]).item())
        new.append(best.indices[0].item())
        ids.append(new[-1])
    return new, gap


def random_ids(m):
    rng = random.Random(1000 + m["seed"])
    return [rng.randrange(m["V"]) for _ in range(m["rows"])]


def save_reference(name, tensors):
    """Sorted by name, and with what they were made from and by. Written by hand: the
    library writes metadata in an order that changes from run to run."""
    header = {"__metadata__": {
        "torch": torch.__version__.split("+")[0],
        "transformers": transformers.__version__,
        "weights_sha256": fingerprint(model_path(name)),
    }}
    data = b""
    for key in sorted(tensors):
        t = tensors[key]
        begin = len(data)
        data += t.contiguous().numpy().tobytes()
        header[key] = {"dtype": {F32: "F32", torch.int32: "I32"}[t.dtype],
                       "shape": list(t.shape), "data_offsets": [begin, len(data)]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)              # so that the data begins aligned
    path = os.path.join(HERE, name + ".safetensors")
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + data)
    print(f"tests/reference/{name}.safetensors: {os.path.getsize(path)} bytes")


def int32(ids):
    return torch.tensor(ids, dtype=torch.int32)


def random_reference(name):
    m = MODELS[name]
    model, _ = load(model_path(name))
    ids = random_ids(m)
    out = run(model, ids)
    out["ids"] = int32(ids)
    out["perplexity"] = perplexity(out["logits"], ids).float().reshape(1)
    new, gap = greedy(model, ids[:5], m["n_ctx"] - 5)
    out["greedy"] = int32(new)
    if m.get("past"):
        new, gap = greedy(model, ids[:5], 2 * m["n_ctx"])
        out["greedy_past"] = int32(new)
    if gap < 1e-3:
        sys.exit(f"{name}: greedy tokens hang on a gap of {gap:.1e}: choose another seed")
    save_reference(name, out)


def tales_reference():
    path = model_path("tales")
    model, _ = load(path)
    ids = GPT2Tokenizer.from_pretrained(path).encode(TALES_TEXT)[:TALES_ROWS]
    out = run(model, ids)
    out["ids"] = int32(ids)
    out["perplexity"] = perplexity(out["logits"], ids).float().reshape(1)
    out["greedy"] = int32(greedy(model, ids[:5], 20, model.config.eos_token_id)[0])
    out["logits"] = out["logits"][-1:]           # one row: all of them would be the bulk
    out["top_ids"] = int32(out["logits"][0].topk(10).indices.tolist())
    save_reference("tales", out)

    texts = tales_texts()
    for text in texts:
        if text["gap"] < 1e-3:
            print(f"warning: {text['prompt']!r} hangs on a gap of {text['gap']:g}")
    lines = ",\n".join(json.dumps(text) for text in texts)      # a prompt a line
    with open(os.path.join(HERE, "tales_greedy.json"), "w", newline="\n") as f:
        f.write(f"[\n{lines}\n]\n")
    print(f"tests/reference/tales_greedy.json: {len(texts)} prompts")


def tales_texts():
    """The greedy continuation of each prompt; compare_greedy.py asks for them live."""
    path = model_path("tales")
    model, _ = load(path)
    tokenizer = GPT2Tokenizer.from_pretrained(path)
    eos = model.config.eos_token_id
    texts = []
    for prompt in TALES_PROMPTS:
        ids = tokenizer.encode(prompt)
        new, gap = greedy(model, ids, NEW_TOKENS, eos)
        text = tokenizer.decode([i for i in new if i != eos],
                                clean_up_tokenization_spaces=False)
        texts.append({"prompt": prompt, "ids": ids, "new_ids": new, "text": text,
                      "gap": float(f"{gap:.3g}")})
    return texts


def make_tensors(names):
    known = list(MODELS) + ["tales"]
    for name in names or known:
        if name not in known:
            sys.exit(f"no model {name}: there are {', '.join(known)}")
        if name == "tales":
            tales_reference()
        else:
            random_reference(name)
    write_table()


# ---- README.md: its table is made from what is on disk, so it cannot be stale

def write_table():
    rows = ["| model | V | n_ctx | C | heads x dims | L | n_inner | head | eps | weights "
            "| reference | perplexity | torch, transformers |", "|---" * 13 + "|"]
    for name in list(MODELS) + ["tales"]:
        file = os.path.join(HERE, name + ".safetensors")
        if not os.path.exists(file):
            continue
        with open(os.path.join(model_path(name), "config.json"), encoding="utf-8") as f:
            c = json.load(f)
        with safe_open(file, "pt") as f:
            made = f.metadata()
            ppl = f.get_tensor("perplexity").item()
        rows.append(
            f"| {name} | {c['vocab_size']} | {c['n_positions']} | {c['n_embd']} "
            f"| {c['n_head']} x {c['n_embd'] // c['n_head']} | {c['n_layer']} "
            f"| {c['n_inner'] or 'null'} "
            f"| {'tied' if c.get('tie_word_embeddings', True) else 'own'} "
            f"| {c['layer_norm_epsilon']:g} "
            f"| {weight_bytes(model_path(name)) / 1000:.0f} kB "
            f"| {os.path.getsize(file) / 1000:.0f} kB | {ppl:.4g} "
            f"| {made['torch']}, {made['transformers']} |")
    path = os.path.join(HERE, "README.md")
    with open(path, encoding="utf-8") as f:
        text = f.read()
    begin, end = "<!-- table -->\n", "<!-- end of table -->"
    head, rest = text.split(begin)
    tail = rest.split(end)[1]
    with open(path, "w", encoding="utf-8", newline="\n") as f:
        f.write(head + begin + "\n".join(rows) + "\n" + end + tail)


# ---- check: would a wrong program be found?

def largest(a, b):
    """Largest difference, in units of the largest value: what the tests limit to 1e-4."""
    return ((a - b).abs().max() / b.abs().max()).item()


def gelu_by_erf(m):
    if hasattr(m, "c_fc"):
        m.act = torch.nn.GELU()


def eps_tenfold(m):
    if isinstance(m, torch.nn.LayerNorm):
        m.eps *= 10


def eps_tenth(m):
    if isinstance(m, torch.nn.LayerNorm):
        m.eps /= 10


def no_mlp_bias(m):
    if hasattr(m, "c_fc"):
        m.c_fc.bias.data.zero_()


def scores_over_hs(m):                           # instead of its square root
    if hasattr(m, "scaling"):
        m.scaling = 1 / m.head_dim


def heads_interleaved(m):
    if hasattr(m, "c_attn"):
        w = m.c_attn.weight.data
        w = w.reshape(len(w), 3, m.head_dim, m.num_heads).transpose(2, 3)
        m.c_attn.weight.data = w.reshape(len(w), -1)


def positions_from_1(m):
    if hasattr(m, "wpe"):
        m.wpe.weight.data = m.wpe.weight.data.roll(-1, 0)


def no_mask(m):
    if hasattr(m, "c_attn"):                     # what is added to the scores
        m.register_forward_pre_hook(
            lambda _, args, kwargs: (args, {**kwargs, "attention_mask": None}),
            with_kwargs=True)


MISTAKES = [gelu_by_erf, eps_tenfold, eps_tenth, no_mlp_bias, scores_over_hs,
            heads_interleaved, positions_from_1, no_mask]


def check():
    found_by = {mistake.__name__: [] for mistake in MISTAKES}
    for name in list(MODELS) + ["tales"]:
        path = model_path(name)
        model, info = load(path)
        reference = load_file(os.path.join(HERE, name + ".safetensors"))
        ids, greedy_ids = reference["ids"].tolist(), reference["greedy"].tolist()
        logits = run(model, ids)["logits"]
        print(f"{name}: missing {sorted(info['missing_keys'])}, "
              f"unexpected {sorted(info['unexpected_keys'])}")
        best = logits.argmax(-1)
        print(f"  logits: std {logits.std():.2f}, largest {logits.abs().max():.2f}, "
              f"top-1 probability {logits.softmax(-1).max(-1).values.mean():.2f} "
              f"(1/V: {1 / logits.shape[1]:.4f}); "
              f"{len(set(best.tolist()))} different argmax in {len(ids)} rows")
        entropy, flat = attention_entropy(model, ids)
        print(f"  attention: entropy {entropy:.2f} nats, uniform would be {flat:.2f}")
        again = model.generate(torch.tensor([ids[:5]]), attention_mask=torch.ones(1, 5),
                               do_sample=False, max_new_tokens=len(greedy_ids))[0, 5:]
        print(f"  greedy: {len(set(greedy_ids))} different tokens of {len(greedy_ids)}; "
              f"generate() says the same: {again.tolist() == greedy_ids}")
        exact = run(load(path, torch.float64)[0], ids)["logits"]
        print(f"  f32 against f64: {largest(logits, exact):.1e}")
        for mistake in MISTAKES:
            wrong, _ = load(path)
            wrong.apply(mistake)
            error = largest(run(wrong, ids)["logits"], logits)
            print(f"  {mistake.__name__:17} {error:.1e}")
            if error > 1e-4:
                found_by[mistake.__name__].append(name)
    for mistake, names in found_by.items():
        print(f"{mistake:17} seen by {', '.join(names) or 'NO MODEL'}")


def attention_entropy(model, ids):
    """Mean over layers, heads and rows, in nats."""
    with torch.no_grad():
        maps = model(torch.tensor([ids]), output_attentions=True).attentions
    p = torch.cat(maps)
    entropy = -(p * p.clamp_min(1e-30).log()).sum(-1).mean().item()
    return entropy, sum(math.log(t + 1) for t in range(len(ids))) / len(ids)


# ---- compare: for a reader with a dump in hand

def compare(path, file, ids, prompt):
    """Prints a line for each tensor that both have; true if one differs."""
    dump = load_file(file)
    stored = os.path.join(HERE, os.path.basename(os.path.normpath(path)) + ".safetensors")
    if prompt is not None:
        ids = GPT2Tokenizer.from_pretrained(path).encode(prompt)
    elif ids is None and os.path.exists(stored):
        ids = load_file(stored)["ids"].tolist()
    elif ids is None:
        sys.exit("of which ids is this the dump? give --ids or --prompt")
    model, _ = load(path)
    want = run(model, ids)
    both = sorted(set(dump) & set(want))
    if not both:
        sys.exit(f"{file} has none of {', '.join(sorted(want))}")
    failed = False
    for name in both:
        got = dump[name].float()
        w = want[name][-len(got):]               # a dump may have the last row alone
        if got.shape != w.shape:
            sys.exit(f"{name} is {list(got.shape)}, {len(ids)} ids give {list(w.shape)}")
        error = largest(got, w)
        failed |= not error <= 1e-4              # so written, NaN fails
        print(f"{name:20} {str(list(got.shape)):12} {error:.2e} of the largest value")
    print("different" if failed else "the same, within 1e-4")
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    command = parser.add_subparsers(dest="command", required=True)
    command.add_parser("models")
    command.add_parser("tensors").add_argument("names", nargs="*", metavar="NAME",
                                               help="default: all")
    command.add_parser("all")
    command.add_parser("check")
    c = command.add_parser("compare")
    c.add_argument("model", help="directory")
    c.add_argument("file", help="what --dump wrote")
    c.add_argument("--ids", help="as given to the program: 464,3290")
    c.add_argument("--prompt", help="the text, if the program was given one")
    a = parser.parse_args()

    if a.command in ("models", "all"):
        make_models()
    if a.command in ("tensors", "all"):
        make_tensors(getattr(a, "names", []))
    if a.command == "all":
        make_beams()
    if a.command == "check":
        check()
    if a.command == "compare":
        for path in (a.model, a.file):
            if not os.path.exists(path):
                sys.exit(f"there is no {path}")
        ids = [int(i) for i in a.ids.split(",")] if a.ids else None
        sys.exit(compare(a.model, a.file, ids, a.prompt))


if __name__ == "__main__":
    main()
