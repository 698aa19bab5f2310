#!/usr/bin/env python3
"""SPDX-License-Identifier: MIT
Coefficients of src/kernel/exp.h and activate.c: Chebyshev interpolation, printed as C, with the largest error.

exp:   e^r = 1 + r + r^2 P(r) for |r| <= ln(2)/2.
erfc:  erfc(z) = exp(-z^2) t Q(t) with t = 1 / (1 + z/2), for 0 <= z <= 9.5: erfcx is smooth in t."""
import math


def fit(f, lo, hi, degree):
    """Returns the coefficients, lowest first, of the polynomial that interpolates f at the Chebyshev nodes of [lo,
    hi]."""
    n = degree + 1
    xs = [0.5 * (lo + hi) + 0.5 * (hi - lo) * math.cos(math.pi * (i + 0.5) / n) for i in range(n)]
    # Computes Newton's divided differences, and expands them to coefficients of powers.
    c = [f(x) for x in xs]
    for k in range(1, n):
        for i in range(n - 1, k - 1, -1):
            c[i] = (c[i] - c[i - 1]) / (xs[i] - xs[i - k])
    p = [0.0] * n
    for i in range(n - 1, -1, -1):
        p = [(p[j - 1] if j else 0.0) - xs[i] * p[j] for j in range(n)]
        p[0] += c[i]
    return p


def value(p, x):
    y = 0.0
    for c in reversed(p):
        y = y * x + c
    return y


def show(name, p, error):
    print(f"/* {name}: largest relative error {error:.1e} in exact arithmetic */")
    print("    " + ", ".join(f"{c:.9g}f" for c in p))


def exp_tail(r):
    """Returns (e^r - 1 - r) / r^2 by its series, which avoids cancellation."""
    return math.fsum(r ** k / math.factorial(k + 2) for k in range(20))


h = math.log(2) / 2
for degree in (4, 5):
    p = fit(exp_tail, -h * 1.01, h * 1.01, degree)
    worst = max(abs((1 + r + r * r * value(p, r)) / math.exp(r) - 1) for r in (h * i / 1000 for i in range(-1000, 1001)))
    show(f"exp, degree {degree}", p, worst)


def q(t):
    z = 2 * (1 / t - 1)
    return math.exp(z * z) * math.erfc(z) / t


z_end = 9.5
t_end = 1 / (1 + z_end / 2)
for degree in (7, 8, 9, 10):
    p = fit(q, t_end, 1.0, degree)
    worst = max(abs(value(p, t) / q(t) - 1) for t in (t_end + (1 - t_end) * i / 2000 for i in range(2001)))
    show(f"erfc, degree {degree}", p, worst)
