import { compare } from './compare.js';
import { hookCases } from './hooks.js';

compare(hookCases);
