# The studio in a container: a Docker Space (`python -m core deploy owner/name`), or any other server:
#   docker build -t ganvas . && docker run -p 127.0.0.1:7860:7860 -v ganvas:/home/user/ganvas ganvas
# On a Space the studio is public: visitors are kept apart and limited. Elsewhere `-e GANVAS_PUBLIC=1` makes it so.
FROM python:3.11-slim

# Spaces runs everything as user 1000. The code stays root's, so that whatever a visitor sends cannot change it.
RUN useradd --create-home --uid 1000 user
WORKDIR /app

COPY requirements.txt requirements-cpu.txt ./
RUN pip install --no-cache-dir -r requirements-cpu.txt

# All that .dockerignore does not name; `core/hub/deploy.py` reads the same list. What git does not know is not told apart
# here: from a folder with files of your own in it, build with `git archive HEAD | docker build -t ganvas -`.
COPY . .
RUN python -m compileall -q .

# Runs and what is fetched go where this user may write; mount a volume there to keep them over restarts.
RUN install --directory --owner=user /home/user/ganvas
USER user
ENV HOME=/home/user
ENV GANVAS_HOME=/home/user/ganvas/home
ENV GANVAS_CACHE=/home/user/ganvas/cache
ENV HOST=0.0.0.0
ENV PORT=7860
ENV PYTHONUNBUFFERED=1
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:7860/_stcore/health', timeout=4)"]
CMD ["python", "app.py"]
