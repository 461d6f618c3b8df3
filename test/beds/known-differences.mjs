/**
 * Programs that a bed does not run, each with the reason: what the emulated machine cannot do or does wrong, never
 * what Barchan does wrong. They are counted as skipped, and printed.
 */

/** @type {Record<string, string>} */
const everywhere = {};

/** @type {Record<string, string>} */
const svm = {
  ...everywhere,
  signal_fpu_legacy: 'QEMU’s XRSTOR of AVX state alone does not load MXCSR, as a processor’s does',
  signal_fpu_bad_state: 'QEMU loads MXCSR with reserved bits set, which a processor refuses',
};

/** @type {Record<string, string>} */
const vmx = { ...everywhere };

export const knownDifferences = { svm, vmx };
