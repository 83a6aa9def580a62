"""llama.cpp by its Python binding, for tests/bench/peers: pip install llama-cpp-python gguf.

int8 is its q8_0, int4 its q4_0.  The cache is f16, which is its default.  Where its AMX kernels crash
(ldtilecfg: virtual machines), build it without them: CMAKE_ARGS="-DGGML_NATIVE=OFF
-DGGML_AVX512=ON -DGGML_AVX512_VNNI=ON -DGGML_AVX512_BF16=ON -DGGML_AVX512_VBMI=ON".
"""

import ctypes
import os
import sys

import peer_common

TYPES = {"f32": "F32", "bf16": "BF16", "int8": "Q8_0", "int4": "Q4_0"}
a = peer_common.arguments(TYPES)
try:
    import numpy as np
    import llama_cpp as llama
    if a.convert:
        import gguf
except ImportError:
    sys.exit(peer_common.MISSING)

path = os.path.join(a.files, f"llamacpp-{a.dtype}.gguf")
V = peer_common.config(a.model)["vocab_size"]
NAMES = {"ln_1": "attn_norm", "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output",
         "ln_2": "ffn_norm", "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down"}


def convert():
    config, weights = peer_common.config(a.model), peer_common.tensors(a.model)
    kind = gguf.GGMLQuantizationType[TYPES[a.dtype]]
    out = gguf.GGUFWriter(path, "gpt2")
    out.add_block_count(config["n_layer"])
    out.add_context_length(config["n_positions"])
    out.add_embedding_length(config["n_embd"])
    out.add_feed_forward_length(config.get("n_inner") or 4 * config["n_embd"])
    out.add_head_count(config["n_head"])
    out.add_layer_norm_eps(config["layer_norm_epsilon"])
    out.add_vocab_size(V)
    out.add_tokenizer_model("no_vocab")

    def add(name, values, quantised=False):
        values = np.ascontiguousarray(values)
        if quantised and TYPES[a.dtype] != "F32":
            out.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)
        else:
            out.add_tensor(name, values)

    add("token_embd.weight", weights["wte.weight"], True)       # which is the head, too
    add("position_embd.weight", weights["wpe.weight"])
    for i in range(config["n_layer"]):
        for ours, theirs in NAMES.items():
            weight = weights[f"h.{i}.{ours}.weight"]
            matrix = weight.ndim == 2
            add(f"blk.{i}.{theirs}.weight", weight.T if matrix else weight, matrix)
            add(f"blk.{i}.{theirs}.bias", weights[f"h.{i}.{ours}.bias"])
    add("output_norm.weight", weights["ln_f.weight"])
    add("output_norm.bias", weights["ln_f.bias"])
    out.write_header_to_file()
    out.write_kv_data_to_file()
    out.write_tensors_to_file()
    out.close()


if a.convert:
    if not os.path.exists(path):
        convert()
    sys.exit()


@llama.llama_log_callback
def silent(level, text, data):
    pass


llama.llama_log_set(silent, ctypes.c_void_p(0))
llama.llama_backend_init()
model = llama.llama_model_load_from_file(path.encode(), llama.llama_model_default_params())
if not model:
    sys.exit(peer_common.NO_DTYPE)
batch = llama.llama_batch_init(1024, 0, 1)
contexts = {}


def context(sequences):
    if sequences not in contexts:
        settings = llama.llama_context_default_params()
        settings.n_ctx = 1024 if sequences == 1 else 256 * sequences
        settings.n_batch, settings.n_ubatch = 1024, 512
        settings.n_seq_max = sequences
        settings.n_threads = settings.n_threads_batch = a.threads
        contexts[sequences] = llama.llama_init_from_model(model, settings)
    return contexts[sequences]


def decode(where, rows):
    """rows: (token, position, sequence, are its logits wanted?)"""
    batch.n_tokens = len(rows)
    for i, (token, position, sequence, wanted) in enumerate(rows):
        batch.token[i], batch.pos[i], batch.n_seq_id[i] = token, position, 1
        batch.seq_id[i][0], batch.logits[i] = sequence, wanted
    if llama.llama_decode(where, batch) != 0:
        raise RuntimeError("llama_decode")
    return [int(np.ctypeslib.as_array(llama.llama_get_logits_ith(where, i), (V,)).argmax())
            for i, row in enumerate(rows) if row[3]]


def write(prompts, n):
    where = context(len(prompts))
    llama.llama_memory_clear(llama.llama_get_memory(where), True)
    new = [decode(where, [(token, i, s, i == len(p) - 1) for s, p in enumerate(prompts)
                          for i, token in enumerate(p)])]
    for k in range(n - 1):
        new.append(decode(where, [(token, len(prompts[s]) + k, s, True)
                                  for s, token in enumerate(new[-1])]))
    return [list(ids) for ids in zip(*new)]


peer_common.measure(write, "llama-cpp-python " + llama.__version__)
