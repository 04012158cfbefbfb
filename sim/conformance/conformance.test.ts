import { diskConformance } from './disk-conformance.ts';
import { networkConformance } from './network-conformance.ts';
import { simulatedDisk, simulatedNetwork } from './simulated-stages.ts';

diskConformance('simulated', () => simulatedDisk(1));
networkConformance('simulated', () => simulatedNetwork(1));
