# The programs in an image: docker build -t synapse-migrator .
# docs/install.md says how to run it, with a read-only root and as a user without rights.
FROM node:24-bookworm AS build
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm run build && node bin/portable.mjs --stage /app

FROM node:24-bookworm-slim
LABEL org.opencontainers.image.title="synapse-migrator" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /app /app
COPY packaging/healthcheck.mjs /app/healthcheck.mjs
RUN ln -s /app/bin/migrate_020.mjs /usr/local/bin/migrate_020 \
 && ln -s /app/bin/sync_020.mjs /usr/local/bin/sync_020 \
 && ln -s /app/bin/synapse-migrator.mjs /usr/local/bin/synapse-migrator \
 && rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /opt/yarn-*
ENV NODE_ENV=production
USER 1000:1000
EXPOSE 27492 4443
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["node", "/app/healthcheck.mjs"]
CMD ["synapse-migrator", "--help"]
