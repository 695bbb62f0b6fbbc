"""Mean and covariance of single-precision pixels in exact arithmetic (fractions), rounded once.

python3 exact_moments.py > ExactMomentsFixture.swift
"""
import random
import struct
from fractions import Fraction


def single(x):
    return struct.unpack("f", struct.pack("f", x))[0]


def bits(x):
    return struct.unpack("I", struct.pack("f", x))[0]


random.seed(17)
rows = []
for n in range(41):
    rows.append([
        single(0.3 + 0.02 * random.gauss(0, 1)),      # reflectance
        single(1000 + random.gauss(0, 1)),            # far from zero
        single(random.gauss(0, 1) * 10 ** random.uniform(-7, 3)),  # many sizes
        single(0.1),                                  # constant
        0.0,                                          # nothing
        float(random.randint(0, 4095)),               # whole numbers
        single(random.choice([-1, 1]) * 1.4e-45 * random.randint(0, 9)),  # subnormal
    ])
bands, count = len(rows[0]), len(rows)
exact = [[Fraction(y) for y in row] for row in rows]
mean = [sum(row[b] for row in exact) / count for b in range(bands)]
cov = [[sum(row[i] * row[j] for row in exact) / count - mean[i] * mean[j] for j in range(bands)] for i in range(bands)]
print("/// Pixels as bit patterns, their mean and covariance in exact arithmetic: made by exact_moments.py.")
print("enum ExactMomentsFixture {")
print(f"  static let (pixels, bands) = ({count}, {bands})")
print("  static let values: [UInt32] = [")
for row in rows:
    print("    " + ", ".join(f"0x{bits(y):08X}" for y in row) + ",")
print("  ]")
print("  static let mean: [Double] = [" + ", ".join(repr(float(m)) for m in mean) + "]")
print("  static let covariance: [[Double]] = [")
for row in cov:
    print("    [" + ", ".join(repr(float(c)) for c in row) + "],")
print("  ]")
print("}")
