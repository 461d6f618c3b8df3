import { compare } from './compare.js';
import { stateCases } from './states.js';

compare(stateCases);
