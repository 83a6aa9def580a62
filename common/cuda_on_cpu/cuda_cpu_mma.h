// C++: tensor cores.  The warp multiplies two small matrices; here the last lane to come
// does it for all, in f32.
//
//     wmma::mma_sync(c, a, b, c);             // 16x16x16; who has what is nobody's business
//     cu_mma_m16n8k16<__half>(d, a, b, c);    // mma.sync, its registers as PTX lays them out
//     cu_ldmatrix(r, row);                    // ldmatrix.x4
//
// The last two have no name in CUDA C: a kernel calls them in the twin of its inline PTX,
// under #ifdef CUDA_ON_CPU.
#ifndef CUDA_CPU_MMA_H
#define CUDA_CPU_MMA_H

#include "cuda_cpu_half.h"
#include "cuda_cpu_warp.h"

// Waits for the warp, but orders no memory.
static inline void cu_gather_warp(CuSite site)
{
    cu_warp(
        ~0u, nullptr, [](void **, unsigned) {}, site);
}

namespace nvcuda
{
namespace wmma
{

struct matrix_a;
struct matrix_b;
struct accumulator;
struct row_major {
    static constexpr bool by_rows = true;
};
struct col_major {
    static constexpr bool by_rows = false;
};
enum layout_t { mem_row_major, mem_col_major };

// Lane i has the elements 8i to 8i + 7 of the matrix, row by row.
template <class Use, int M, int N, int K, class T, class Layout = void> struct fragment {
    static_assert(M == 16 && N == 16 && K == 16, "only 16x16x16 is emulated");
    static constexpr int num_elements = 8;
    T x[8];
};

template <class Fragment, class T> static inline void fill_fragment(Fragment &f, T value)
{
    for (int i = 0; i < 8; i++)
        f.x[i] = value;
}

static inline unsigned cu_offset(int i, unsigned stride, bool by_rows)
{
    unsigned element = cu_lane * 8 + (unsigned)i, row = element / 16, col = element % 16;
    return by_rows ? row * stride + col : col * stride + row;
}

template <class Use, class T, class Layout>
static inline void load_matrix_sync(fragment<Use, 16, 16, 16, T, Layout> &f, const T *p,
                                    unsigned stride, CU_HERE)
{
    cu_gather_warp(site);
    for (int i = 0; i < 8; i++)
        f.x[i] = p[cu_offset(i, stride, Layout::by_rows)];
}

template <class T>
static inline void load_matrix_sync(fragment<accumulator, 16, 16, 16, T> &f, const T *p,
                                    unsigned stride, layout_t layout, CU_HERE)
{
    cu_gather_warp(site);
    for (int i = 0; i < 8; i++)
        f.x[i] = p[cu_offset(i, stride, layout == mem_row_major)];
}

template <class T>
static inline void store_matrix_sync(T *p, const fragment<accumulator, 16, 16, 16, T> &f,
                                     unsigned stride, layout_t layout, CU_HERE)
{
    cu_gather_warp(site);
    for (int i = 0; i < 8; i++)
        p[cu_offset(i, stride, layout == mem_row_major)] = f.x[i];
}

template <class D, class A, class B> struct CuProduct {
    D *d;
    const A *a;
    const B *b;
    const D *c;

    static void compute(void **slots, unsigned)
    {
        float a[16][16], b[16][16], c[16][16];
        for (int e = 0; e < 256; e++) {
            const CuProduct *lane = (const CuProduct *)slots[e / 8];
            a[e / 16][e % 16] = (float)lane->a->x[e % 8];
            b[e / 16][e % 16] = (float)lane->b->x[e % 8];
            c[e / 16][e % 16] = (float)lane->c->x[e % 8];
        }
        for (int i = 0; i < 16; i++)
            for (int k = 0; k < 16; k++)
                for (int j = 0; j < 16; j++)
                    c[i][j] += a[i][k] * b[k][j];
        for (int e = 0; e < 256; e++)
            ((CuProduct *)slots[e / 8])->d->x[e % 8] = c[e / 16][e % 16];
    }
};

template <class TD, class T, class LayoutA, class LayoutB>
static inline void mma_sync(fragment<accumulator, 16, 16, 16, TD> &d,
                            const fragment<matrix_a, 16, 16, 16, T, LayoutA> &a,
                            const fragment<matrix_b, 16, 16, 16, T, LayoutB> &b,
                            const fragment<accumulator, 16, 16, 16, TD> &c, CU_HERE)
{
    using Product = CuProduct<fragment<accumulator, 16, 16, 16, TD>,
                              fragment<matrix_a, 16, 16, 16, T, LayoutA>,
                              fragment<matrix_b, 16, 16, 16, T, LayoutB>>;
    Product product = { &d, &a, &b, &c };
    cu_warp(~0u, &product, Product::compute, site);
}

}  // namespace wmma
}  // namespace nvcuda

// ---- mma.sync.aligned.m16n8k16.row.col.f32.T.T.f32
//
// Lane l is number t = l % 4 of group g = l / 4.  a: rows g and g + 8, columns 2t, 2t + 1
// and those plus 8; b: the same two pairs of rows, column g; c and d: rows g and g + 8,
// columns 2t, 2t + 1.  A register of a or b has two elements, the lower half first.

template <class T> struct CuMma {
    float *d;
    const unsigned *a, *b;
    const float *c;

    static float element(const unsigned *registers, int i)
    {
        unsigned short bits = (unsigned short)(registers[i / 2] >> 16 * (i % 2));
        return (float)cu_bits<T>(bits);
    }
    static void compute(void **slots, unsigned)
    {
        float a[16][16], b[16][8], c[16][8];
        for (int l = 0; l < 32; l++) {
            const CuMma *lane = (const CuMma *)slots[l];
            int g = l / 4, t = l % 4;
            for (int i = 0; i < 8; i++)
                a[g + i / 2 % 2 * 8][2 * t + i % 2 + i / 4 * 8] = element(lane->a, i);
            for (int i = 0; i < 4; i++) {
                b[2 * t + i % 2 + i / 2 * 8][g] = element(lane->b, i);
                c[g + i / 2 * 8][2 * t + i % 2] = lane->c[i];
            }
        }
        for (int i = 0; i < 16; i++)
            for (int k = 0; k < 16; k++)
                for (int j = 0; j < 8; j++)
                    c[i][j] += a[i][k] * b[k][j];
        for (int l = 0; l < 32; l++)
            for (int i = 0; i < 4; i++)
                ((CuMma *)slots[l])->d[i] = c[l / 4 + i / 2 * 8][l % 4 * 2 + i % 2];
    }
};

// T: __half or __nv_bfloat16.
template <class T>
static inline void cu_mma_m16n8k16(float d[4], const unsigned a[4], const unsigned b[2],
                                   const float c[4], CU_HERE)
{
    CuMma<T> lane = { d, a, b, c };
    cu_warp(~0u, &lane, CuMma<T>::compute, site);
}

// ---- ldmatrix.sync.aligned.m8n8.x4[.trans].shared.b16
//
// Lane 8i + j gives the address of row j of matrix i, 8 elements of 16 bits.  Lane l gets
// elements 2 (l % 4) and the next of row l / 4 of each matrix; transposed, of the column.

template <bool Transposed> struct CuLoad {
    unsigned *to;
    unsigned short row[8];

    static void compute(void **slots, unsigned)
    {
        for (int l = 0; l < 32; l++)
            for (int i = 0; i < 4; i++) {
                unsigned pair[2];
                for (int j = 0; j < 2; j++) {
                    int row = l / 4, col = l % 4 * 2 + j;
                    const CuLoad *from =
                        (const CuLoad *)slots[8 * i + (Transposed ? col : row)];
                    pair[j] = from->row[Transposed ? row : col];
                }
                ((CuLoad *)slots[l])->to[i] = pair[0] | pair[1] << 16;
            }
    }
};

template <bool Transposed = false>
static inline void cu_ldmatrix(unsigned to[4], const void *row, CU_HERE)
{
    CuLoad<Transposed> lane;
    if ((uintptr_t)row % 16 != 0)
        cu_die(site, "ldmatrix: a row must be aligned to 16 bytes");
    lane.to = to;
    for (int i = 0; i < 8; i++)
        lane.row[i] = ((const unsigned short *)row)[i];
    cu_warp(~0u, &lane, CuLoad<Transposed>::compute, site);
}

#endif
