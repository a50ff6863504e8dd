"""The front page: what the studio does, shown with pictures it made."""

import streamlit as st

st.title("Ganvas")
