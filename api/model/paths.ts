/** Where people's own tools find models. */
export const MODEL_BASE = '/model/v1'

/** Whether a path belongs to the model route, known or not. */
export const isModelPath = (path: string): boolean => path === '/model' || path.startsWith('/model/')
