"""CTranslate2, for tests/bench/peers: pip install ctranslate2 numpy."""

import os
import sys

import peer_common

TYPES = {"f32": "float32", "int8": "int8_float32"}
a = peer_common.arguments(TYPES)
try:
    import numpy as np
    import ctranslate2
    from ctranslate2.specs import transformer_spec
    from ctranslate2.specs.common_spec import Activation
except ImportError:
    sys.exit(peer_common.MISSING)

directory = os.path.join(a.files, f"ctranslate2-{a.dtype}")


def convert():
    config, weights = peer_common.config(a.model), peer_common.tensors(a.model)
    spec = transformer_spec.TransformerDecoderModelSpec.from_config(
        config["n_layer"], config["n_head"], pre_norm=True, activation=Activation.GELUTanh)
    decoder = spec.decoder
    decoder.scale_embeddings = False
    decoder.embeddings.weight = weights["wte.weight"]
    decoder.projection.weight = weights["wte.weight"]
    decoder.position_encodings.encodings = weights["wpe.weight"]

    def norm(to, name):
        to.gamma, to.beta = weights[name + ".weight"], weights[name + ".bias"]

    def linear(to, name):
        to.weight = np.ascontiguousarray(weights[name + ".weight"].T)
        to.bias = weights[name + ".bias"]

    norm(decoder.layer_norm, "ln_f")
    for i, layer in enumerate(decoder.layer):
        norm(layer.self_attention.layer_norm, f"h.{i}.ln_1")
        linear(layer.self_attention.linear[0], f"h.{i}.attn.c_attn")
        linear(layer.self_attention.linear[1], f"h.{i}.attn.c_proj")
        norm(layer.ffn.layer_norm, f"h.{i}.ln_2")
        linear(layer.ffn.linear_0, f"h.{i}.mlp.c_fc")
        linear(layer.ffn.linear_1, f"h.{i}.mlp.c_proj")
    last = config["vocab_size"] - 1
    spec.register_vocabulary([str(i) for i in range(last + 1)])
    spec.config.bos_token = spec.config.eos_token = spec.config.unk_token = str(last)
    spec.validate()
    spec.optimize(quantization=TYPES[a.dtype])
    os.makedirs(directory, exist_ok=True)
    spec.save(directory)


if a.convert:
    if not os.path.exists(os.path.join(directory, "model.bin")):
        convert()
    sys.exit()

if TYPES[a.dtype] not in ctranslate2.get_supported_compute_types("cpu"):
    sys.exit(peer_common.NO_DTYPE)
generator = ctranslate2.Generator(directory, device="cpu", compute_type=TYPES[a.dtype],
                                  inter_threads=1, intra_threads=a.threads)


def write(prompts, n):
    results = generator.generate_batch(
        [[str(id_) for id_ in p] for p in prompts], max_length=n, min_length=n, beam_size=1,
        sampling_topk=1, include_prompt_in_result=False, return_scores=False)
    return [result.sequences_ids[0] for result in results]


peer_common.measure(write, "ctranslate2 " + ctranslate2.__version__)
