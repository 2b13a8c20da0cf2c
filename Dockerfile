# The service as a container image: `docker build -t connect-chat .`
# .ci/check-image.ts builds the same tree from these lines without Docker, and runs the service from it.

# The version that the tests run on.
FROM node:24.21.0-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# The optional packages are Node itself, which the base image has. No package of production has an install script that it needs.
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

FROM node:24.21.0-bookworm-slim
ARG VERSION=0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="connect-chat" \
      org.opencontainers.image.description="Chat backend over Connect, gRPC and gRPC-Web" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Package managers have nothing to do here, and scanners nothing to find in them.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack \
           /usr/local/bin/yarn /usr/local/bin/yarnpkg /opt/yarn-*
ENV NODE_ENV=production
ENV MODE=PROD
WORKDIR /app
# Everything belongs to root, so the service can't change itself. It writes nothing: the root file system may be read-only.
COPY --from=build /app/node_modules ./node_modules
COPY package.json schema.sql schema.cql LICENSE ./
COPY proto ./proto
COPY src ./src
# The user `node` of the base image, as a number, because Kubernetes can't tell from a name whether it is root.
USER 1000:1000
EXPOSE 8080
# Whether the process lives, not whether it is ready: Swarm replaces unhealthy containers, and that doesn't bring back a database.
# SERVER_ADDRESS may move the port.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["node", "-e", "const port = (process.env.SERVER_ADDRESS ?? '').split(':').at(-1) || 8080; fetch(`http://127.0.0.1:${port}/health`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# Without a shell in between, signals reach the service. `docker run … migrate` runs another command in place of `serve`.
ENTRYPOINT ["node", "src/main.ts"]
CMD ["serve"]
