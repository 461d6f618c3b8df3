import { compare } from './compare.js';
import { mountCases } from './mounts.js';

compare(mountCases);
