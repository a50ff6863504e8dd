"""What the pages and the style app are drawn with, and what their widgets do. Knows Streamlit and Gradio."""
