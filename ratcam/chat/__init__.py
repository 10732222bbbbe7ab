"""The chat: the Telegram gateway, and the pure rules of commands, texts and deliveries."""
