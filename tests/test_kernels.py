"""The table of kernels, and which barriers are found."""

import unittest

import kernels
import mutate_barriers

REPORT = """\
ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function '_Z3addPff' for 'sm_80'
ptxas info    : Function properties for _Z3addPff
    16 bytes stack frame, 4 bytes spill stores, 8 bytes spill loads
ptxas info    : Used 38 registers, used 1 barriers, 16 bytes cumulative stack size, 512 bytes smem, 472 bytes cmem[0]
ptxas info    : Compiling entry function '_Z4copyIfEvPT_' for 'sm_90'
ptxas info    : Function properties for _Z4copyIfEvPT_
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 8 registers, used 0 barriers
"""

SOURCE = """\
static __device__ float first(float x)
{
    __syncthreads();  // one
    // __syncthreads() in a comment
    if (__syncthreads_or(x > 0))
        __syncwarp(0xffu);
    return x;
}

template <typename T>
static __global__ void __launch_bounds__(32) second(const T *x,
                                                    int n)
{
    __syncthreads();
    grid.sync();
}
"""


class Kernels(unittest.TestCase):
    def test_a_report_of_the_assembler(self):
        self.assertEqual(kernels.kernels(REPORT), [("_Z3addPff", "sm_80", 38, 512, 16, 12),
                                                   ("_Z4copyIfEvPT_", "sm_90", 8, 0, 0, 0)])

    def test_short_names(self):
        self.assertEqual(kernels.demangle(["_Z3addPff", "_Z4copyIfEvPT_"]), ["add", "copy<float>"])


class Barriers(unittest.TestCase):
    def setUp(self):
        self.found = list(mutate_barriers.barriers_of("a.cu", "10", SOURCE))

    def test_which(self):
        self.assertEqual([(b.place, b.function) for b in self.found],
                         [("a.cu:3", "first"), ("a.cu:5", "first"), ("a.cu:6", "first"),
                          ("a.cu:14", "second"), ("a.cu:15", "second")])

    def test_deleted(self):
        lines = [b.deleted().splitlines()[int(b.place.split(":")[1]) - 1] for b in self.found]
        self.assertEqual(lines, ["    ;  // one", "    if ((x > 0))", "        ;", "    ;", "    ;"])

    def test_all_of_the_tree(self):
        places = {b.place.split(":")[0] for b in mutate_barriers.barriers()}
        self.assertIn("common/block.cuh", places)
        self.assertIn("stage05_block/ops.cu", places)  # later ones differ
        self.assertNotIn("stage09_batching/accept.cu", places)


if __name__ == "__main__":
    unittest.main()
