export class PollLink extends HttpLink {
    /** @param {import('./core.js').Core} core */
    constructor(core: import("./core.js").Core);
    connect(): Promise<void>;
    /** @param {{ events: any[], positions: Record<string, number> }} answer */
    opens(answer: {
        events: any[];
        positions: Record<string, number>;
    }): boolean;
    /** @param {{ events: any[], positions: Record<string, number> }} answer */
    starts({ events, positions }: {
        events: any[];
        positions: Record<string, number>;
    }): {
        [x: string]: number;
    };
    /** @param {{ events: any[], gaps?: any[], positions: Record<string, number> }} answer */
    take({ events, gaps, positions }: {
        events: any[];
        gaps?: any[];
        positions: Record<string, number>;
    }): void;
}
import { HttpLink } from './http_link.js';
