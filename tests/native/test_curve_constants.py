"""The numbers in constants.h, computed again from their definitions."""
import ctypes
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from curve_library import VARIANTS, build  # noqa: E402
from curve_reference import BASE, SQRT_M1, D, L, P, absolute, mul, num  # noqa: E402


def test_constants(tmp_path):
    curve = build(tmp_path, "51", VARIANTS["51"])
    curve.c.probe_constants.restype = curve.c.probe_comb.restype = ctypes.POINTER(ctypes.c_ubyte)
    table = bytes(curve.c.probe_constants()[: 7 * 32])
    values = [num(table[i : i + 32]) for i in range(0, 224, 32)]
    d, d2, sqrt_m1, sqrt_ad_minus_one, invsqrt_a_minus_d, one_minus_d_sq, d_minus_one_sq = values
    assert d * 121666 % P == -121665 % P and d2 == 2 * d % P
    assert sqrt_m1 == SQRT_M1 and sqrt_m1**2 % P == P - 1 and absolute(sqrt_m1) == sqrt_m1
    # Of the two roots RFC 9496 4.1 prints these.
    assert sqrt_ad_minus_one == 25063068953384623474111414158702152701244531502492656460079210482610430750235
    assert sqrt_ad_minus_one**2 % P == (-d - 1) % P
    assert invsqrt_a_minus_d == 54469307008909316920995813868745141605393597292927456921205312896311721017578
    assert invsqrt_a_minus_d**2 * (-1 - d) % P == 1
    assert one_minus_d_sq == (1 - d * d) % P and d_minus_one_sq == (d - 1) ** 2 % P


def test_comb(tmp_path):
    curve = build(tmp_path, "51", VARIANTS["51"])
    curve.c.probe_comb.restype = ctypes.POINTER(ctypes.c_ubyte)
    table = bytes(curve.c.probe_comb()[: 8 * 96])
    for m in range(8):
        x, y = mul((2**192 + sum((2 * (m >> k & 1) - 1) * 2 ** (64 * k) for k in range(3))) % L, BASE)
        entry = [num(table[96 * m + 32 * i : 96 * m + 32 * i + 32]) for i in range(3)]
        assert entry == [(y + x) % P, (y - x) % P, 2 * D * x * y % P], m
