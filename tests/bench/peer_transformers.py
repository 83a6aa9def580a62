"""Hugging Face transformers, for tests/bench/peers: pip install torch transformers."""

import os
import sys

import peer_common

a = peer_common.arguments(["f32", "bf16"])
os.environ.setdefault("HF_HUB_OFFLINE", "1")
try:
    import torch
    import transformers
except ImportError:
    sys.exit(peer_common.MISSING)
if a.convert:
    sys.exit()

transformers.logging.set_verbosity_error()
torch.set_num_threads(a.threads)
model = transformers.GPT2LMHeadModel.from_pretrained(
    a.model, dtype={"f32": torch.float32, "bf16": torch.bfloat16}[a.dtype]).eval()


@torch.inference_mode()
def write(prompts, n):
    ids = torch.tensor(prompts)
    texts = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False,
                           max_new_tokens=n, min_new_tokens=n, use_cache=True,
                           pad_token_id=model.config.vocab_size - 1)
    return texts[:, ids.shape[1]:].tolist()


peer_common.measure(write, f"transformers {transformers.__version__}, "
                           f"torch {torch.__version__.split('+')[0]}")
