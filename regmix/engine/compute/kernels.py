"""One run's losses and gradients on a CPU in float32, compiled: no autograd, no Python between the products.

Sequences go through the model one block at a time, forward and immediately backward, so that intermediate results stay
in the CPU's cache; the gradients of the blocks add up. Arrays are feature-major, (D, N) for the N tokens of a block, so
that element-wise loops run along the tokens and vectorise well. BLAS computes the products. Each run is computed
separately, so its bits do not depend on its stack.

All kernels are in one file, because numba's cache on disk only checks the file of the called function for changes.
Loops start at 0, over slices where necessary: loops that start elsewhere are not vectorised.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit, types

BLOCK = 256  # tokens that go through the model together; one sequence if it is longer
LOGITS = 1 << 17  # logits in memory at a time: half a megabyte
SMALL = 1_000_000  # multiplications up to which OpenBLAS uses its faster kernels for small products
EPS = np.float32(1e-5)  # of RMSNorm

_ZERO, _HALF, _ONE = np.float32(0), np.float32(0.5), np.float32(1)
_LEAST, _LN2, _LOG2E = np.float32(-87), np.float32(math.log(2)), np.float32(1 / math.log(2))
_TAYLOR = tuple(np.float32(1 / math.factorial(i)) for i in range(8))

# The only signature losses_of is compiled for: the code that runs must not depend on the first call.
_ROW, _ROWS = types.float32[::1], types.float32[:, ::1]
SIGNATURE = types.void(_ROW, types.int64[:, ::1], _ROW, _ROWS, _ROWS, types.UniTuple(types.int64, 5), _ROWS, _ROW)

# Sums can be reordered, but a non-finite loss must be preserved.
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"reassoc", "contract", "nsz", "arcp"}}
# Everything is inlined into one function. Otherwise a process that compiles would use a helper compiled separately, and
# one that loads from the cache a helper compiled for its caller: different vector code, and so different last bits.
_jit = njit(forceinline=True, **_OPTIONS)


@njit(cache=True, **_OPTIONS)
def losses_of(flat, tokens, counts, cos, sin, shape, losses, grad):
    """Each token's loss (B, T) in nats of one run, written to ``losses``, and its gradients to ``grad``.

    flat (n,) holds the parameters in the order of ModelShape.tensors; grad (n,) gets the gradients of the mean over
    all tokens of tokens (B, T+1), with sequences weighted by ``counts`` (B,); with grad (0,) none are computed. cos
    and sin are (C/2, T), ``shape`` is (layers, heads, width, ffn, vocab).
    """
    L, H, D, F, V = shape
    B, T = tokens.shape[0], tokens.shape[1] - 1
    C, most, share = D // H, max(1, BLOCK // T), _ONE / np.float32(B * T)
    grad[:] = _ZERO
    for first in range(0, B, most):
        block = slice(first, min(B, first + most))
        b = block.stop - first
        N = b * T
        x, y = np.empty((2 * L + 1, D, N), np.float32), np.empty((2 * L + 1, D, N), np.float32)
        scale, scratch = np.empty((2 * L + 1, N), np.float32), np.empty((D, N), np.float32)
        qkv, heads = np.empty((3 * D, N), np.float32), np.empty((L, 3, b, H, C, T), np.float32)
        shares, mixed = np.empty((L, b, H, T, T), np.float32), np.empty((L, D, N), np.float32)
        gates, inner = np.empty((L, 2, F, N), np.float32), np.empty((F, N), np.float32)
        _embed(_matrix(flat, 0, V, D), tokens[block], x[0])
        for i in range(L):
            norm, w_qkv, w_o, ffn_norm, w_gate, w_up, w_down = _layer(flat, i, shape)
            _norm(x[2 * i], norm, scale[2 * i], y[2 * i])
            _dot_t(w_qkv, y[2 * i], qkv)
            _part_heads(qkv, cos, sin, heads[i])
            _attend(heads[i], shares[i], mixed[i])
            _dot_t(w_o, mixed[i], scratch)
            _add(x[2 * i], scratch, x[2 * i + 1])
            _norm(x[2 * i + 1], ffn_norm, scale[2 * i + 1], y[2 * i + 1])
            _dot_t(w_gate, y[2 * i + 1], gates[i, 0])
            _dot_t(w_up, y[2 * i + 1], gates[i, 1])
            _swiglu(gates[i, 0], gates[i, 1], inner)
            _dot_t(w_down, inner, scratch)
            _add(x[2 * i + 1], scratch, x[2 * i + 2])
        norm, head = _last(flat, shape)
        _norm(x[2 * L], norm, scale[2 * L], y[2 * L])
        g, gx = np.empty((D, N), np.float32), np.zeros((D, N), np.float32)
        _heads(y[2 * L], head, tokens[block], counts[block], share, losses[block], g, grad, shape)
        if not len(grad):
            continue
        _norm_back(g, x[2 * L], norm, scale[2 * L], gx, _last(grad, shape)[0])
        g_heads, g_inner = np.empty((3, b, H, C, T), np.float32), np.empty((F, N), np.float32)
        for i in range(L - 1, -1, -1):
            norm, w_qkv, w_o, ffn_norm, w_gate, w_up, w_down = _layer(flat, i, shape)
            g_norm, g_qkv, g_o, g_ffn_norm, g_gate, g_up, g_down = _layer(grad, i, shape)
            _dot(w_down, gx, g_inner)
            _swiglu_back(g_inner, gates[i, 0], gates[i, 1], inner)
            g_down += np.dot(inner, gx.T)
            g_gate += np.dot(y[2 * i + 1], gates[i, 0].T)
            g_up += np.dot(y[2 * i + 1], gates[i, 1].T)
            _dot(w_gate, gates[i, 0], g)
            _dot(w_up, gates[i, 1], scratch)
            _add(g, scratch, g)
            _norm_back(g, x[2 * i + 1], ffn_norm, scale[2 * i + 1], gx, g_ffn_norm)
            _dot(w_o, gx, scratch)
            g_o += np.dot(mixed[i], gx.T)
            _attend_back(scratch, heads[i], shares[i], g_heads)
            _join_heads(g_heads, cos, sin, qkv)
            _dot(w_qkv, qkv, g)
            g_qkv += np.dot(y[2 * i], qkv.T)
            _norm_back(g, x[2 * i], norm, scale[2 * i], gx, g_norm)
        _embed_back(gx, tokens[block], _matrix(grad, 0, V, D))


@_jit
def _matrix(flat, at, rows, columns):
    return flat[at : at + rows * columns].reshape(rows, columns)


@_jit
def _layer(flat, i, shape):
    """Views of a layer's parameters, or of their gradients."""
    _, _, D, F, V = shape
    at = V * D + i * (2 * D + 4 * D * D + 3 * D * F)
    qkv = at + D
    o = qkv + 3 * D * D
    ffn = o + D * D + D
    attention = (flat[at:qkv], _matrix(flat, qkv, D, 3 * D), _matrix(flat, o, D, D))
    up, down = ffn + D * F, ffn + 2 * D * F
    return (
        *attention,
        flat[ffn - D : ffn],
        _matrix(flat, ffn, D, F),
        _matrix(flat, up, D, F),
        _matrix(flat, down, F, D),
    )


@_jit
def _last(flat, shape):
    """Views of the last norm (D,) and the head (V, D)."""
    _, _, D, _, V = shape
    at = len(flat) - V * D
    return flat[at - D : at], _matrix(flat, at, V, D)


@_jit
def _dot(a, b, out):
    """out = a (R, K) b (K, N), a few rows at a time."""
    rows = max(1, SMALL // b.size)
    for r in range(0, a.shape[0], rows):
        np.dot(a[r : r + rows], b, out[r : r + rows])


@_jit
def _dot_t(a, b, out):
    """out = a (K, R) transposed times b (K, N), a few rows of both at a time."""
    rows = max(1, SMALL // out.size)
    np.dot(a[:rows].T, b[:rows], out)
    for k in range(rows, a.shape[0], rows):
        out += np.dot(a[k : k + rows].T, b[k : k + rows])


@_jit
def _exp(x):
    """e^x for x <= 0, to 5 units in the last place. Unlike calls of the C library's exp, this is vectorised."""
    x = max(x, _LEAST)
    k = np.int32(x * _LOG2E - _HALF)
    r = x - np.float32(k) * _LN2
    y = _TAYLOR[7]
    y = y * r + _TAYLOR[6]
    y = y * r + _TAYLOR[5]
    y = y * r + _TAYLOR[4]
    y = y * r + _TAYLOR[3]
    y = y * r + _HALF
    y = y * r + _ONE
    y = y * r + _ONE
    return y * np.int32((k + np.int32(127)) << np.int32(23)).view(np.float32)


@_jit
def _add(a, b, out):
    for d in range(out.shape[0]):
        for n in range(out.shape[1]):
            out[d, n] = a[d, n] + b[d, n]


@_jit
def _copy(a, out):
    for d in range(out.shape[0]):
        for n in range(out.shape[1]):
            out[d, n] = a[d, n]


@_jit
def _embed(table, tokens, out):
    B, T = tokens.shape[0], tokens.shape[1] - 1
    for b in range(B):
        for t in range(T):
            out[:, b * T + t] = table[tokens[b, t]]


@_jit
def _embed_back(grad, tokens, g_table):
    B, T = tokens.shape[0], tokens.shape[1] - 1
    for b in range(B):
        for t in range(T):
            g_table[tokens[b, t]] += grad[:, b * T + t]


@_jit
def _norm(x, weight, scale, out):
    """RMSNorm of x (D, N): x scale weight. scale (N,) is stored for the backward pass."""
    D, N = x.shape
    for n in range(N):
        scale[n] = _ZERO
    for d in range(D):
        for n in range(N):
            scale[n] += x[d, n] * x[d, n]
    share = _ONE / np.float32(D)
    for n in range(N):
        scale[n] = _ONE / np.sqrt(scale[n] * share + EPS)
    for d in range(D):
        w = weight[d]
        for n in range(N):
            out[d, n] = x[d, n] * scale[n] * w


@_jit
def _norm_back(grad, x, weight, scale, g_x, g_weight):
    """Adds to g_x (D, N) and g_weight (D,)."""
    D, N = x.shape
    along = np.zeros(N, np.float32)
    for d in range(D):
        w, total = weight[d], _ZERO
        for n in range(N):
            product = grad[d, n] * x[d, n]
            along[n] += product * w
            total += product * scale[n]
        g_weight[d] += total
    share = _ONE / np.float32(D)
    for n in range(N):
        along[n] *= scale[n] * scale[n] * share
    for d in range(D):
        w = weight[d]
        for n in range(N):
            g_x[d, n] += scale[n] * (grad[d, n] * w - x[d, n] * along[n])


@_jit
def _turn(x, cos, sin, sign, out):
    """x (C, T) rotated by its positions, paired in halves as in transformers; ``sign`` -1: the inverse."""
    half, T = cos.shape
    for c in range(half):
        for t in range(T):
            out[c, t] = x[c, t] * cos[c, t] - sign * x[c + half, t] * sin[c, t]
            out[c + half, t] = x[c + half, t] * cos[c, t] + sign * x[c, t] * sin[c, t]


@_jit
def _part_heads(qkv, cos, sin, heads):
    """qkv (3D, N) to heads (3, B, H, C, T); queries and keys are rotated by their positions."""
    _, B, H, C, T = heads.shape
    for part in range(3):
        for h in range(H):
            first = (part * H + h) * C
            for b in range(B):
                rows, head = qkv[first : first + C, b * T : b * T + T], heads[part, b, h]
                if part < 2:
                    _turn(rows, cos, sin, _ONE, head)
                else:
                    _copy(rows, head)


@_jit
def _join_heads(heads, cos, sin, qkv):
    """The inverse of _part_heads."""
    _, B, H, C, T = heads.shape
    for part in range(3):
        for h in range(H):
            first = (part * H + h) * C
            for b in range(B):
                rows, head = qkv[first : first + C, b * T : b * T + T], heads[part, b, h]
                if part < 2:
                    _turn(head, cos, sin, -_ONE, rows)
                else:
                    _copy(head, rows)


@_jit
def _softmax(p, factor):
    """Causal softmax of the scores p (T keys, T queries) times ``factor``, over keys up to each query; in place."""
    T = p.shape[0]
    top, total = np.empty(T, np.float32), np.zeros(T, np.float32)
    for i in range(T):
        top[i] = p[0, i]
    for j in range(T):
        for i in range(T):
            top[i] = max(top[i], p[j, i] if i >= j else top[i])
    for j in range(T):
        for i in range(T):
            e = _exp(min((p[j, i] - top[i]) * factor, _ZERO))  # this argument order preserves NaN
            p[j, i] = e if i >= j else _ZERO
    for j in range(T):
        for i in range(T):
            total[i] += p[j, i]
    for i in range(T):
        total[i] = _ONE / total[i]
    for j in range(T):
        for i in range(T):
            p[j, i] *= total[i]


@_jit
def _attend(heads, shares, out):
    """Causal attention of heads (3, B, H, C, T): attention weights shares (B, H, T keys, T queries), and out (D, N)."""
    _, B, H, C, T = heads.shape
    y, factor = np.empty((C, T), np.float32), _ONE / np.sqrt(np.float32(C))
    for b in range(B):
        for h in range(H):
            q, k, v = heads[0, b, h], heads[1, b, h], heads[2, b, h]
            np.dot(k.T, q, shares[b, h])
            _softmax(shares[b, h], factor)
            np.dot(v, shares[b, h], y)
            _copy(y, out[h * C : h * C + C, b * T : b * T + T])


@_jit
def _attend_back(grad, heads, shares, g_heads):
    """g_heads (3, B, H, C, T) from grad (D, N)."""
    _, B, H, C, T = heads.shape
    y, s, factor = np.empty((C, T), np.float32), np.empty((T, T), np.float32), _ONE / np.sqrt(np.float32(C))
    for b in range(B):
        for h in range(H):
            q, k, v, p = heads[0, b, h], heads[1, b, h], heads[2, b, h], shares[b, h]
            _copy(grad[h * C : h * C + C, b * T : b * T + T], y)
            np.dot(y, p.T, g_heads[2, b, h])
            np.dot(v.T, y, s)
            along = np.zeros(T, np.float32)
            for j in range(T):
                for i in range(T):
                    along[i] += p[j, i] * s[j, i]
            for j in range(T):
                for i in range(T):
                    s[j, i] = p[j, i] * (s[j, i] - along[i]) * factor
            np.dot(k, s, g_heads[0, b, h])
            np.dot(q, s.T, g_heads[1, b, h])


@_jit
def _swiglu(g, u, out):
    for f in range(g.shape[0]):
        for n in range(g.shape[1]):
            x = g[f, n]
            e = _exp(-abs(x))
            out[f, n] = x * u[f, n] * (_ONE if x >= _ZERO else e) / (_ONE + e)


@_jit
def _swiglu_back(grad, g, u, out):
    """g and u are overwritten by their gradients; out is silu(g) u again."""
    for f in range(g.shape[0]):
        for n in range(g.shape[1]):
            x, y, d = g[f, n], u[f, n], grad[f, n]
            e = _exp(-abs(x))
            sigmoid = (_ONE if x >= _ZERO else e) / (_ONE + e)
            silu = x * sigmoid
            out[f, n] = silu * y
            u[f, n] = d * silu
            g[f, n] = d * y * (sigmoid + silu * (_ONE - sigmoid))


@_jit
def _heads(hidden, head, tokens, counts, share, losses, g, grad, shape):
    """The head and the cross-entropy, a few tokens at a time: losses (B, T), and gradient g (D, N) of hidden (D, N)."""
    (V, D), (B, T) = head.shape, losses.shape
    N = B * T
    most = max(16, LOGITS // V // 16 * 16)
    for first in range(0, N, most):
        part = slice(first, min(N, first + most))
        M = part.stop - first
        targets, counted = np.empty(M, np.int64), np.empty(M, np.float32)
        for m in range(M):
            b, t = (first + m) // T, (first + m) % T
            targets[m], counted[m] = tokens[b, t + 1], counts[b] * share
        x = hidden[:, part].copy()
        p, total, loss = np.empty((V, M), np.float32), np.zeros(M, np.float32), np.empty(M, np.float32)
        _dot(head, x, p)
        _exponentials(p, targets, total, loss)
        for m in range(M):
            losses[(first + m) // T, (first + m) % T] = loss[m]
        if not len(grad):
            continue
        for m in range(M):
            total[m] = counted[m] / total[m]
        for i in range(V):
            for m in range(M):
                p[i, m] *= total[m]
        for m in range(M):
            p[targets[m], m] -= counted[m]
        g_x, g_head = np.empty((D, M), np.float32), _last(grad, shape)[1]
        _dot_t(head, p, g_x)
        g[:, part] = g_x
        g_head += np.dot(p, x.T)


@_jit
def _exponentials(p, targets, total, loss):
    """Overwrite logits p (V, M) by exp(p - max), ``total`` (M,) by its sums, ``loss`` (M,) by the cross-entropy."""
    V, M = p.shape
    top = p[0].copy()
    for i in range(V):
        for m in range(M):
            top[m] = max(top[m], p[i, m])
    for m in range(M):
        loss[m] = top[m] - p[targets[m], m]
    for i in range(V):
        for m in range(M):
            e = _exp(p[i, m] - top[m])
            p[i, m] = e
            total[m] += e
    for m in range(M):
        loss[m] += np.log(total[m])
