"""Writes beams.json: what Hugging Face's beam search makes of some prompts.

    .venv/bin/python tests/reference/make_beams.py

It is generate(num_beams=N, early_stopping=False, length_penalty=X) in f32.  Run it after
the weights of models/tales or of a random model have changed.

    {"torch": VERSION, "transformers": VERSION, "weights_sha256": {MODEL: SHA-256},
     "cases": [{"model": NAME, "eos": id or null, "prompt_ids": [id ...], "n": new tokens,
                "beams": N, "length_penalty": X,
                "ids": [[id ...] ...], "scores": [x ...]} ...]}

`ids`: the new tokens of the N best, the end of text included if they have one.  A case
whose order hangs on rounding is no test: each is searched again with a little noise on
every log-probability, and all searches must find the same texts in the same order.
"""

import json
import os
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")     # all that we read is in the repository
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")

import torch
import transformers
from transformers import GPT2LMHeadModel, GPT2Tokenizer, LogitsProcessor

from reference import HERE, fingerprint, model_path, reference

torch.set_num_threads(1)                         # one order of summation
transformers.utils.logging.disable_progress_bar()

OUT = os.path.join(HERE, "beams.json")
BEAMS = (2, 3, 4, 8)
LENGTH_PENALTIES = (0, 1, 2, -1)
NOISE = 5e-5         # rounding moves a log-probability by about 1e-5
TALES = [            # a prompt, new tokens; the last is a tale's end
    ("Once upon a time", 20),
    ("The old king", 30),
    ("\"Who are you?\" asked the", 12),
    ("The fox looked at the crow and said", 24),
    ("There was once a king who had three daughters, and the youngest was so beautiful "
     "that the sun himself, who", 16),
    ("And they lived happily ever after.", 18),
]
# A model, how many of its reference's ids are the prompt, new tokens, the end of text:
# a token that some of the best texts have early and others late or never.
RANDOM = [
    ("heads12", 20, 20, 41),
    ("heads12", 5, 20, None),
    ("odd", 5, 20, 40),
    ("odd", 5, 20, 60),
    ("tiny", 29, 14, 2),
    ("tiny", 29, 14, 6),
    ("chunk33", 15, 18, 60),
]


class Noise(LogitsProcessor):
    """None at all if the seed is 0."""

    def __init__(self, seed):
        self.seed = seed
        self.random = torch.Generator().manual_seed(seed)

    def __call__(self, ids, scores):
        noise = torch.rand(scores.shape, generator=self.random) * 2 - 1
        return scores + noise * NOISE * (self.seed > 0)


def search(model, ids, n, eos, beams, penalty, seed=0):
    """([new ids, ...], [score, ...]), best first."""
    out = model.generate(
        torch.tensor([ids]), attention_mask=torch.ones(1, len(ids)), do_sample=False,
        num_beams=beams, num_return_sequences=beams, early_stopping=False,
        length_penalty=float(penalty), max_new_tokens=n, eos_token_id=eos,
        pad_token_id=0 if eos is None else eos, return_dict_in_generate=True,
        output_scores=True, logits_processor=[Noise(seed)])
    texts = [text[len(ids):] for text in out.sequences.tolist()]
    return ([text[:text.index(eos) + 1] if eos in text else text for text in texts],
            out.sequences_scores.tolist())


def cases_of(name, model, ids, n, eos):
    for beams in BEAMS:
        for penalty in LENGTH_PENALTIES:
            texts, scores = search(model, ids, n, eos, beams, penalty)
            for seed in range(1, 5):
                if search(model, ids, n, eos, beams, penalty, seed)[0] != texts:
                    sys.exit(f"{name}, {ids}, {beams} beams, length penalty {penalty}: "
                             "rounding decides; choose another prompt")
            yield {"model": name, "eos": eos, "prompt_ids": ids, "n": n, "beams": beams,
                   "length_penalty": penalty, "ids": texts,
                   "scores": [float(f"{score:.7g}") for score in scores]}


def load(name):
    return GPT2LMHeadModel.from_pretrained(model_path(name), dtype=torch.float32,
                                           attn_implementation="eager").eval()


def make_beams():
    cases = []
    model, tokenizer = load("tales"), GPT2Tokenizer.from_pretrained(model_path("tales"))
    for prompt, n in TALES:
        cases += cases_of("tales", model, tokenizer.encode(prompt), n,
                          model.config.eos_token_id)
    for name, n_prompt, n, eos in RANDOM:
        ids = reference(name)[0]["ids"][1].tolist()[:n_prompt]
        cases += cases_of(name, load(name), ids, n, eos)
    names = sorted({case["model"] for case in cases})
    head = {"torch": torch.__version__.split("+")[0],
            "transformers": transformers.__version__,
            "weights_sha256": {name: fingerprint(model_path(name)) for name in names}}
    lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    with open(OUT, "w", encoding="utf-8", newline="\n") as f:        # a case a line
        f.write(f"{json.dumps(head)[:-1]}, \"cases\": [\n{lines}\n]}}\n")
    print(f"tests/reference/beams.json: {len(cases)} searches")


if __name__ == "__main__":
    make_beams()
