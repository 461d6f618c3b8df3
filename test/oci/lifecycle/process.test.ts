import { compare } from './compare.js';
import { processCases } from './process.js';

compare(processCases);
