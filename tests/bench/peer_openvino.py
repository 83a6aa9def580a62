"""OpenVINO, for tests/bench/peers: pip install openvino nncf numpy.

The graph is GPT-2's with OpenVINO's own attention and a cache as state, as its exporter makes
them.  int8: symmetric, a scale a row; int4: symmetric, groups of 64 (both by nncf).  The CPU
chooses the precision to compute in, but for f32.
"""

import os
import sys

import peer_common

a = peer_common.arguments(["f32", "bf16", "int8", "int4"])
try:
    import numpy as np
    import openvino as ov
    from openvino import opset13 as op
    if a.dtype.startswith("int"):
        import nncf
except ImportError:
    sys.exit(peer_common.MISSING)

xml = os.path.join(a.files, f"openvino-{a.dtype if a.dtype[0] == 'i' else 'f32'}.xml")


def integer(value):
    return op.constant(np.array(value, np.int64))


def build():
    config, weights = peer_common.config(a.model), peer_common.tensors(a.model)
    C, heads, layers = config["n_embd"], config["n_head"], config["n_layer"]
    width = C // heads

    def constant(name, turn=False):
        return op.constant(np.ascontiguousarray(weights[name].T if turn else weights[name]))

    def norm(x, name):
        x = op.mvn(x, integer([-1]), True, config["layer_norm_epsilon"], "INSIDE_SQRT")
        return op.add(op.multiply(x, constant(name + ".weight")), constant(name + ".bias"))

    def linear(x, name):
        product = op.matmul(x, constant(name + ".weight", True), False, True)
        return op.add(product, constant(name + ".bias"))

    ids = op.parameter([-1, -1], np.int64, name="input_ids")
    beam = op.parameter([-1], np.int32, name="beam_idx")
    for node, name in ((ids, "input_ids"), (beam, "beam_idx")):
        node.output(0).set_names({name})
    shape = op.shape_of(ids)
    rows = op.gather(shape, integer(1), integer(0))
    empty = op.broadcast(op.constant(np.zeros((1, 1, 1, 1), np.float32)), op.concat(
        [op.gather(shape, integer([0]), integer(0)), integer([heads]), integer([0]),
         integer([width])], 0))

    def state(name):
        value = op.read_value(empty, name, ov.Type.f32, ov.PartialShape([-1, heads, -1, width]))
        return op.gather(value, beam, integer(0))

    past = [(state(f"{i}.key"), state(f"{i}.value")) for i in range(layers)]
    before = op.gather(op.shape_of(past[0][0]), integer(2), integer(0))
    total = op.add(before, rows)
    places = op.range(before, total, integer(1), "i64")
    seen = op.less_equal(op.unsqueeze(op.range(integer(0), total, integer(1), "i64"), integer(0)),
                         op.unsqueeze(places, integer(1)))
    mask = op.select(seen, op.constant(np.float32(0)), op.constant(np.float32(-65504)))
    mask = op.unsqueeze(mask, integer([0, 1]))

    wte = constant("wte.weight")
    x = op.add(op.gather(wte, ids, integer(0)),
               op.gather(constant("wpe.weight"), places, integer(0)))
    kept = []

    def split_heads(part):
        parts = op.reshape(part, integer([0, 0, heads, width]), True)
        return op.transpose(parts, integer([0, 2, 1, 3]))

    for i, cached in enumerate(past):
        name = f"h.{i}."
        qkv = op.split(linear(norm(x, name + "ln_1"), name + "attn.c_attn"), integer(2), 3)
        query, *new = (split_heads(qkv.output(j)) for j in range(3))
        key, value = (op.concat(pair, 2) for pair in zip(cached, new))
        kept += [op.assign(key, f"{i}.key"), op.assign(value, f"{i}.value")]
        mix = op.transpose(op.scaled_dot_product_attention(query, key, value, mask),
                           integer([0, 2, 1, 3]))
        x = op.add(x, linear(op.reshape(mix, integer([0, 0, C]), True), name + "attn.c_proj"))
        hidden = op.gelu(linear(norm(x, name + "ln_2"), name + "mlp.c_fc"), "TANH")
        x = op.add(x, linear(hidden, name + "mlp.c_proj"))
    last = norm(op.gather(x, integer([-1]), integer(1)), "ln_f")
    model = ov.Model([op.result(op.matmul(last, wte, False, True))], kept, [ids, beam], "gpt2")
    if a.dtype == "int8":
        model = nncf.compress_weights(model, mode=nncf.CompressWeightsMode.INT8_SYM)
    if a.dtype == "int4":
        model = nncf.compress_weights(model, mode=nncf.CompressWeightsMode.INT4_SYM,
                                      group_size=64, all_layers=True)
    ov.save_model(model, xml, compress_to_fp16=False)


if a.convert:
    if not os.path.exists(xml):
        build()
    sys.exit()

settings = {"INFERENCE_NUM_THREADS": a.threads, "PERFORMANCE_HINT": "LATENCY", "NUM_STREAMS": 1}
if a.dtype in ("f32", "bf16"):
    settings["INFERENCE_PRECISION_HINT"] = a.dtype
request = ov.Core().compile_model(xml, "CPU", settings).create_infer_request()


def step(ids):
    ids = np.asarray(ids, np.int64)
    result = request.infer({"input_ids": ids, "beam_idx": np.arange(len(ids), dtype=np.int32)},
                           share_outputs=True)
    return result[0][:, -1].argmax(-1)[:, None]


def write(prompts, n):
    request.reset_state()
    new = [step(prompts)]
    for _ in range(n - 1):
        new.append(step(new[-1]))
    return np.concatenate(new, 1).tolist()


peer_common.measure(write, "openvino " + ov.__version__.split("-")[0])
