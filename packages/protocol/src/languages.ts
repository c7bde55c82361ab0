import { z } from 'zod';

export const LANGUAGES = ['python', 'javascript', 'shell'] as const;
export type Language = (typeof LANGUAGES)[number];

export const language = z.enum(LANGUAGES).meta({ id: 'Language' });
