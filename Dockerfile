FROM python:3.11.13-slim-bookworm
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /opt/lineal
COPY requirements.lock .
RUN pip install --require-hashes -r requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY src src
COPY schema schema
COPY resolvers resolvers
COPY graphstore graphstore
COPY auth auth
COPY capture capture
COPY web web
RUN pip install --no-deps .
RUN useradd --system --no-create-home lineal && install --directory --owner lineal /var/lib/lineal
ENV LINEAL_HOST=0.0.0.0 LINEAL_STORE=sqlite:////var/lib/lineal/lineal.db
VOLUME /var/lib/lineal
USER lineal
EXPOSE 8000
CMD ["lineal", "serve"]
