# One member of a group, or any other command: `docker run --rm concert --help`. Three members: docker-compose.yml.
ARG NODE_IMAGE=node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
# What the package ships, with the locked versions of what it needs. The Node that the package pins stays behind, since
# the image has one.
RUN npm pack && tar -xzf concert-*.tgz
RUN cp package-lock.json .npmrc package/ && cd package \
 && npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
 && rm -rf node_modules/node-linux-*

FROM ${NODE_IMAGE}
COPY --from=build /build/package /opt/concert
RUN ln -s /opt/concert/bin/concert.cjs /usr/local/bin/concert \
 && mkdir -p /var/lib/concert \
 && chown node:node /var/lib/concert
ENV CONCERT_DATA=/var/lib/concert
USER node
WORKDIR /var/lib/concert
VOLUME /var/lib/concert
# Clients and console; the other members.
EXPOSE 7001 7101
# Whether the process serves, not whether the member is ONLINE: to start it again does not help one that waits for others.
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s CMD ["node", "--eval", \
  "const {CONCERT_HOST: host = '127.0.0.1', CONCERT_PORT: port = 7001} = process.env; fetch('http://' + host + ':' + port + '/healthz').then(({ok}) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# The first process passes signals on to the member, which stops cleanly.
STOPSIGNAL SIGTERM
ENTRYPOINT ["concert"]
CMD ["start"]
