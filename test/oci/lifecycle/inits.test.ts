import { compare } from './compare.js';
import { initCases } from './inits.js';

compare(initCases);
