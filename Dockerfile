# The image of one Rollpin cluster: non-root, no compiler, runs on a read-only root file system. Needs no BuildKit.
#   docker build -t rollpin .
#   docker run --read-only --tmpfs /tmp -v rollpin-data:/data -v $PWD/token:/run/secrets/rollpin-token:ro -p 8080:8080 \
#     rollpin serve --upstream http://10.0.0.5:30000 --checkpoint /models/Qwen3-8B
ARG NODE_IMAGE=node:22-bookworm-slim

# The lists before the sources, so that a change of these does not install again.
FROM ${NODE_IMAGE} AS packages
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts

FROM ${NODE_IMAGE} AS build
WORKDIR /src
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts
COPY . .
RUN npm run build

FROM ${NODE_IMAGE}
ENV NODE_ENV=production \
	ROLLPIN_HOST=0.0.0.0 \
	ROLLPIN_DATA_DIR=/data \
	ROLLPIN_AUTH_TOKEN_FILE=/run/secrets/rollpin-token
WORKDIR /opt/rollpin
COPY --from=build /src/package.json /src/LICENSE ./
COPY --from=packages /src/node_modules ./node_modules
COPY --from=build /src/checkpoints ./checkpoints
COPY --from=build /src/bin ./bin
COPY --from=build /src/dist ./dist
# The directory is made here so that a named volume over it starts with this owner.
RUN ln -s /opt/rollpin/bin/rollpin.js /usr/local/bin/rollpin && mkdir /data && chown 1000:1000 /data
USER 1000:1000
WORKDIR /data
VOLUME /data
EXPOSE 8080
# /health is 200 as long as a worker serves: a full disk or a dead engine are no reason to start anew.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["node", "-e", "fetch('http://127.0.0.1:8080/health').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# The primary is pid 1 and drains at SIGTERM itself: no shell and no npm between.
ENTRYPOINT ["node", "/opt/rollpin/bin/rollpin.js"]
CMD ["serve"]
