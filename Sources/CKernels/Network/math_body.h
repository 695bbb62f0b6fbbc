// Functions of neural networks on vectors; compiled once per level by the families that need them.
//
// The coefficients are minimax fits made for these files: relative error of the fitted form 2e-8 or less, so that the
// fp32 evaluation decides the accuracy.

HSI_INLINE f32x16 K(sigmoid)(f32x16 x) { return 1.0f / (1.0f + K(exp)(-x)); }

/// Phi(x) of the standard normal distribution, and its density: Phi(-a) = density(a) * t P(t), t = 1 / (1 + 0.21 a).
/// Relative error a few ULP plus a^2/2 ULP in the tail.
HSI_INLINE f32x16 K(normal)(f32x16 x, f32x16 *density) {
    f32x16 a = K(min)(K(abs)(x), (f32x16)(13.0f));
    f32x16 t = 1.0f / (1.0f + 0.21f * a);
    f32x16 e = K(exp)(-0.5f * a * a);
    f32x16 p = (f32x16)(-0.07212056f);
    p = p * t + 0.2858661f;
    p = p * t - 0.33503124f;
    p = p * t + 0.35499167f;
    p = p * t - 0.09791109f;
    p = p * t + 0.12664364f;
    p = p * t + 0.06871384f;
    p = p * t + 0.085140616f;
    p = p * t + 0.083707f;
    f32x16 tail = e * (p * t);
    *density = 0.39894228f * e;
    return K(select)(x < 0.0f, tail, 1.0f - tail);
}

HSI_INLINE f32x16 K(gelu)(f32x16 x) {
    f32x16 density;
    return x * K(normal)(x, &density);
}

/// x Phi(x) without an exponential: Phi - 1/2 = x P(x^2) / Q(x^2) up to 5.3, where it is all but 1/2. Absolute error 2e-7
/// max(1, |x|), half the cost of K(gelu), whose relative error is small in the negative tail too.
HSI_INLINE f32x16 K(gelu_fast)(f32x16 x) {
    f32x16 c = K(min)(K(max)(x, (f32x16)(-5.3f)), (f32x16)(5.3f)), s = c * c;
    f32x16 p = (f32x16)(1.2110236e-10f);
    p = p * s - 2.2522061e-8f;
    p = p * s + 3.0380704e-6f;
    p = p * s + 1.4817121e-4f;
    p = p * s + 4.3649073e-3f;
    p = p * s + 3.3696815e-2f;
    p = p * s + 0.3989422f;
    f32x16 q = (f32x16)(5.5279485e-5f);
    q = q * s + 1.7000692e-3f;
    q = q * s + 2.7799029e-2f;
    q = q * s + 0.25113067f;
    q = q * s + 1.0f;
    return x * (c * p / q + 0.5f);
}

HSI_INLINE f32x16 K(erf)(f32x16 x) {
    f32x16 s = x * x, density;
    f32x16 p = (f32x16)(-0.00061052846f);
    p = p * s + 0.0050148265f;
    p = p * s - 0.02678082f;
    p = p * s + 0.11282192f;
    p = p * s - 0.37612528f;
    p = p * s + 1.1283791f;
    f32x16 large = 1.0f - 2.0f * K(normal)(-1.41421356f * K(abs)(x), &density);
    large = K(select)(x < 0.0f, -large, large);
    return K(select)(K(abs)(x) < 0.875f, p * x, large);
}

HSI_INLINE f32x16 K(tanh)(f32x16 x) {
    f32x16 s = x * x;
    f32x16 p = (f32x16)(-0.0055456585f);
    p = p * s + 0.020499539f;
    p = p * s - 0.05369822f;
    p = p * s + 0.13330965f;
    p = p * s - 0.33333266f;
    f32x16 large = 1.0f - 2.0f / (K(exp)(2.0f * K(abs)(x)) + 1.0f);
    large = K(select)(x < 0.0f, -large, large);
    return K(select)(K(abs)(x) < 0.625f, x + x * (s * p), large);
}
