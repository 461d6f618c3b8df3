import { compare } from './compare.js';
import { seccompCases } from './seccomp.js';

compare(seccompCases);
