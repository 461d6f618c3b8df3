import { cgroupCases } from './cgroups.js';
import { compare } from './compare.js';

compare(cgroupCases);
