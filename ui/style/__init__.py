"""The pieces of the style app. Knows Gradio, no engine."""
