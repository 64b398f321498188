// Loaded with --require: makes Node say that it runs on another system.
Object.defineProperty(process, 'platform', { value: 'darwin' });
