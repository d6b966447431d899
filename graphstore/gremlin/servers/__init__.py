"""Configuration of the servers, as templates: for `lineal janusgraph`, the tests and docker-compose.yml alike."""
